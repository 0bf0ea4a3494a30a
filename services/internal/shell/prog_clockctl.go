package shell

import (
	"strings"
)

// progTimedatectl shows the clock of the machine.
func progTimedatectl(c *call) int {
	_, operands := c.flags("Hp")
	verb := "status"
	if len(operands) > 0 {
		verb = operands[0]
	}
	now := c.sh.m.now()
	switch verb {
	case "status":
		local := clock(now, "Mon 2006-01-02 15:04:05")
		c.printf("               Local time: %s UTC\n           Universal time: %s UTC\n                 RTC time: %s\n                Time zone: Etc/UTC (UTC, +0000)\nSystem clock synchronized: yes\n              NTP service: active\n          RTC in local TZ: no\n", local, local, local)
	case "show":
		c.printf("Timezone=Etc/UTC\nLocalRTC=no\nCanNTP=yes\nNTP=yes\nNTPSynchronized=yes\nTimeUSec=%s UTC\nRTCTimeUSec=%s UTC\n", clock(now, "Mon 2006-01-02 15:04:05"), clock(now, "Mon 2006-01-02 15:04:05"))
	case "list-timezones":
		c.print("Etc/UTC\nUTC\n")
	case "set-timezone", "set-time", "set-ntp", "set-local-rtc":
		if len(operands) < 2 {
			c.errln("Too few arguments.")
			return 1
		}
		if c.cred.uid != 0 {
			c.errln("Failed to " + strings.Replace(verb, "-", " ", 1) + ": Interactive authentication required.")
			return 1
		}
		if verb == "set-timezone" && operands[1] != "UTC" && operands[1] != "Etc/UTC" {
			c.errln("Failed to set time zone: Invalid or not installed time zone '" + operands[1] + "'")
			return 1
		}
		if verb == "set-time" {
			c.errln("Failed to set time: Automatic time synchronization is enabled")
			return 1
		}
	default:
		c.errln("Unknown command verb " + verb + ".")
		return 1
	}
	return 0
}

// progDetectVirt names the hypervisor.
func progDetectVirt(c *call) int {
	opts, _ := c.flags("")
	if has(opts, "-c", "--container", "-r", "--chroot") {
		if has(opts, "-c", "--container") {
			c.print("none\n")
		}
		return 1
	}
	if !has(opts, "-q", "--quiet") {
		c.print(strings.ToLower(c.sh.m.hw.virt) + "\n")
	}
	return 0
}

// progMountpoint says whether a file system is mounted at a directory.
func progMountpoint(c *call) int {
	opts, operands := c.flags("")
	if len(operands) != 1 {
		c.errorf("bad usage")
		c.try()
		return 1
	}
	name := operands[0]
	real, err := c.files().RealPath(name)
	if _, e := c.files().stat("stat", name, true); err != nil || e != nil {
		c.errorf("%s: No such file or directory", name)
		return 1
	}
	yes := false
	for l := range strings.Lines(c.sh.m.mounts()) {
		yes = yes || strings.Fields(l)[1] == real
	}
	switch {
	case has(opts, "-q", "--quiet"):
	case yes:
		c.print(name + " is a mountpoint\n")
	default:
		c.print(name + " is not a mountpoint\n")
	}
	if yes {
		return 0
	}
	return 32
}

// progIpcs lists the System V facilities, of which none is in use.
func progIpcs(c *call) int {
	c.print("\n------ Message Queues --------\nkey        msqid      owner      perms      used-bytes   messages    \n\n------ Shared Memory Segments --------\nkey        shmid      owner      perms      bytes      nattch     status      \n\n------ Semaphore Arrays --------\nkey        semid      owner      perms      nsems     \n\n")
	return 0
}

// progMcookie makes a random key.
func progMcookie(c *call) int {
	var b [16]byte
	c.sh.m.noise(b[:])
	c.printf("%x\n", b)
	return 0
}
