package shell

import (
	"fmt"
	"slices"
	"strings"
)

func progNproc(c *call) int {
	opts, operands := c.flags("", "--ignore")
	if status, ok := c.only(opts, operands, "--all", "--ignore"); !ok {
		return status
	}
	c.printf("%d\n", c.sh.m.hw.cores)
	return 0
}

func progLscpu(c *call) int {
	h := c.sh.m.hw
	cpu := cpuOf(h.cpu)
	online := "0"
	if h.cores > 1 {
		online = fmt.Sprintf("0-%d", h.cores-1)
	}
	c.printf("Architecture:                       x86_64\nCPU op-mode(s):                     32-bit, 64-bit\nAddress sizes:                      40 bits physical, 48 bits virtual\nByte Order:                         Little Endian\nCPU(s):                             %d\nOn-line CPU(s) list:                %s\nVendor ID:                          GenuineIntel\nModel name:                         %s\nCPU family:                         6\nModel:                              %d\nThread(s) per core:                 1\nCore(s) per socket:                 1\nSocket(s):                          %d\nStepping:                           %d\nBogoMIPS:                           %.2f\nFlags:                              %s\nHypervisor vendor:                  %s\nVirtualization type:                full\nL1d cache:                          %d KiB (%d instances)\nL1i cache:                          %d KiB (%d instances)\nL2 cache:                           %d MiB (%d instances)\nL3 cache:                           %d MiB (%d instances)\nNUMA node(s):                       1\nNUMA node0 CPU(s):                  %s\n",
		h.cores, online, h.cpu, cpu.model, h.cores, cpu.stepping, 2*h.mhz, cpu.flags, h.virt, 32*h.cores, h.cores, 32*h.cores, h.cores, 4*h.cores, h.cores, 16*h.cores, h.cores, online)
	return 0
}

func progDmesg(c *call) int {
	if c.cred.uid != 0 && c.sh.m.distro.family == "debian" {
		c.errorf("read kernel buffer failed: Operation not permitted")
		return 1
	}
	opts, _ := c.flags("ln")
	if has(opts, "-c", "-C", "--clear") {
		return 0
	}
	c.print(c.sh.m.dmesg())
	return 0
}

func progDmidecode(c *call) int {
	h := c.sh.m.hw
	if c.cred.uid != 0 {
		c.errln("/sys/firmware/dmi/tables/smbios_entry_point: Permission denied\nScanning /dev/mem for entry point.\n/dev/mem: Permission denied")
		return 1
	}
	opts, _ := c.flags("st")
	serial := "VMware-" + c.sh.m.id.Hex("serial", 16)
	if h.vendor == "QEMU" {
		serial = "Not Specified"
	}
	if key, ok := valueOf(opts, "-s"); ok {
		v, ok := map[string]string{"system-manufacturer": h.vendor, "system-product-name": h.product, "system-serial-number": serial, "bios-vendor": "SeaBIOS", "bios-version": "1.16.2-1", "system-uuid": h.uuid, "system-version": "pc-i440fx-8.1", "chassis-manufacturer": h.vendor, "processor-version": h.cpu}[key]
		if !ok {
			c.errln("Invalid string keyword: " + key)
			return 2
		}
		c.print(v + "\n")
		return 0
	}
	c.printf("# dmidecode 3.4\nGetting SMBIOS data from sysfs.\nSMBIOS 2.8 present.\n\nHandle 0x0100, DMI type 1, 27 bytes\nSystem Information\n\tManufacturer: %s\n\tProduct Name: %s\n\tVersion: pc-i440fx-8.1\n\tSerial Number: %s\n\tUUID: %s\n\tWake-up Type: Power Switch\n\tSKU Number: Not Specified\n\tFamily: Not Specified\n\n", h.vendor, h.product, serial, h.uuid)
	return 0
}

func progLspci(c *call) int {
	if c.sh.m.hw.vendor != "QEMU" {
		c.print("00:00.0 Host bridge: Intel Corporation 440BX/ZX/DX - 82443BX/ZX/DX Host bridge (rev 01)\n00:07.0 ISA bridge: Intel Corporation 82371AB/EB/MB PIIX4 ISA (rev 08)\n00:0f.0 VGA compatible controller: VMware SVGA II Adapter\n03:00.0 Serial Attached SCSI controller: VMware PVSCSI SCSI Controller (rev 02)\n0b:00.0 Ethernet controller: VMware VMXNET3 Ethernet Controller (rev 01)\n")
		return 0
	}
	c.print("00:00.0 Host bridge: Intel Corporation 440FX - 82441FX PMC [Natoma] (rev 02)\n00:01.0 ISA bridge: Intel Corporation 82371SB PIIX3 ISA [Natoma/Triton II]\n00:01.1 IDE interface: Intel Corporation 82371SB PIIX3 IDE [Natoma/Triton II]\n00:01.3 Bridge: Intel Corporation 82371AB/EB/MB PIIX4 ACPI (rev 03)\n00:02.0 VGA compatible controller: Device 1234:1111 (rev 02)\n00:03.0 Ethernet controller: Red Hat, Inc. Virtio network device\n00:04.0 SCSI storage controller: Red Hat, Inc. Virtio block device\n00:05.0 Unclassified device [00ff]: Red Hat, Inc. Virtio memory balloon\n")
	return 0
}

func progLsmod(c *call) int {
	c.print("Module                  Size  Used by\n")
	for _, l := range loaded {
		s := fmt.Sprintf("%-20s %8d  %d", l.name, l.size, l.use)
		if l.by != "" {
			s += " " + l.by
		}
		c.print(s + "\n")
	}
	return 0
}

func progModprobe(c *call) int {
	_, operands := c.flags("")
	if len(operands) == 0 {
		c.errorf("ERROR: missing parameters. See -h.")
		return 1
	}
	if c.cred.uid != 0 {
		c.errorf("ERROR: could not insert '%s': Operation not permitted", operands[0])
		return 1
	}
	release, _ := c.sh.m.kernel()
	if c.name == "modprobe" && !slices.ContainsFunc(loaded, func(l struct {
		name string
		size int
		use  int
		by   string
	}) bool {
		return l.name == operands[0]
	}) {
		c.errln("modprobe: FATAL: Module " + operands[0] + " not found in directory /lib/modules/" + release)
		return 1
	}
	return 0
}

func progUmount(c *call) int {
	opts, operands := c.flags("tO")
	for _, o := range opts {
		if len(o.name) == 2 && !strings.Contains("aAcdfilnOqRrtvhV", o.name[1:]) {
			return c.badOption(o.name)
		}
	}
	if len(operands) == 0 {
		if has(opts, "-a", "--all") {
			return 0
		}
		c.errorf("bad usage")
		c.try()
		return 1
	}
	status := 0
	for _, name := range operands {
		status = 32
		switch {
		case c.cred.uid != 0:
			c.errorf("%s: must be superuser to unmount.", name)
		case c.mounted(name):
			c.errorf("%s: target is busy.", name)
		default:
			if _, err := c.files().stat("stat", name, true); err != nil {
				c.errorf("%s: no mount point specified.", name)
			} else {
				c.errorf("%s: not mounted.", name)
			}
		}
	}
	return status
}

// mounted reports whether a file system is mounted at name, or from a device of that name.
func (c *call) mounted(name string) bool {
	real, err := c.files().RealPath(name)
	if err != nil {
		return false
	}
	for l := range strings.Lines(c.sh.m.mounts()) {
		if f := strings.Fields(l); f[1] == real || f[0] == real {
			return true
		}
	}
	return false
}

func progMount(c *call) int {
	_, operands := c.flags("tooL")
	if len(operands) == 0 {
		for l := range strings.Lines(c.sh.m.mounts()) {
			f := strings.Fields(l)
			c.printf("%s on %s type %s (%s)\n", f[0], f[1], f[2], f[3])
		}
		return 0
	}
	if c.cred.uid != 0 {
		c.errorf("%s: must be superuser to use %s.", operands[len(operands)-1], c.name)
		return 1
	}
	if len(operands) > 1 {
		if _, err := c.files().stat("stat", operands[1], true); err != nil {
			c.errln("mount: " + operands[1] + ": mount point does not exist.\n       dmesg(1) may have more information after failed mount system call.")
			return 32
		}
	}
	c.errorf("%s: can't find in /etc/fstab.", operands[0])
	return 1
}

func progLsblk(c *call) int {
	h := c.sh.m.hw
	major := h.device() >> 8
	c.printf("NAME   MAJ:MIN RM  SIZE RO TYPE MOUNTPOINTS\n%s    %3d:0    0 %4dG  0 disk \n└─%s1 %3d:1    0 %4dG  0 part /\n", h.disk, major, h.diskGB, h.disk, major, h.diskGB)
	return 0
}

func progFdisk(c *call) int {
	h := c.sh.m.hw
	opts, operands := c.flags("")
	if c.cred.uid != 0 {
		c.errorf("cannot open /dev/%s: Permission denied", h.disk)
		return 1
	}
	if !has(opts, "-l", "--list") {
		if len(operands) == 0 {
			c.errorf("bad usage")
			c.try()
			return 1
		}
		c.errorf("cannot open %s: No such file or directory", operands[0])
		return 1
	}
	sectors := int64(h.diskGB) << 21
	c.printf("Disk /dev/%s: %d GiB, %d bytes, %d sectors\nUnits: sectors of 1 * 512 = 512 bytes\nSector size (logical/physical): 512 bytes / 512 bytes\nI/O size (minimum/optimal): 512 bytes / 512 bytes\nDisklabel type: dos\nDisk identifier: 0x%s\n\nDevice     Boot Start      End  Sectors Size Id Type\n/dev/%s1  *     2048 %d %d  %dG 83 Linux\n",
		h.disk, h.diskGB, sectors*512, sectors, c.sh.m.id.Hex("disk id", 8), h.disk, sectors-1, sectors-2048, h.diskGB)
	return 0
}

func progBlkid(c *call) int {
	h := c.sh.m.hw
	c.printf("/dev/%s1: UUID=\"%s\" BLOCK_SIZE=\"4096\" TYPE=\"%s\" PARTUUID=\"%s-01\"\n", h.disk, h.uuid, c.sh.m.rootFS(), c.sh.m.id.Hex("disk id", 8))
	return 0
}
