package shell

import "strings"

// cpuModel is what the kernel says of a processor besides its name.
type cpuModel struct {
	model, stepping int
	flags           string
}

const (
	haswellFlags  = "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 ss syscall nx pdpe1gb rdtscp lm constant_tsc arch_perfmon rep_good nopl xtopology cpuid tsc_known_freq pni pclmulqdq ssse3 fma cx16 pcid sse4_1 sse4_2 x2apic movbe popcnt tsc_deadline_timer aes xsave avx f16c rdrand hypervisor lahf_lm abm cpuid_fault pti ssbd ibrs ibpb fsgsbase tsc_adjust bmi1 avx2 smep bmi2 erms invpcid xsaveopt arat"
	moreBroadwell = "3dnowprefetch rdseed adx smap"
	moreCascade   = "avx512f avx512dq clwb avx512cd avx512bw avx512vl avx512_vnni"
)

// cpuOf returns the model of a processor by its name.
func cpuOf(name string) cpuModel {
	with := func(extra ...string) string {
		return strings.Join(append([]string{haswellFlags}, extra...), " ")
	}
	switch {
	case strings.Contains(name, " v3 "):
		return cpuModel{63, 2, haswellFlags}
	case strings.Contains(name, "Silver 4210R"), strings.Contains(name, "Gold 6230"):
		return cpuModel{85, 7, with(moreBroadwell, moreCascade)}
	case strings.Contains(name, "E-2136"):
		return cpuModel{158, 10, with(moreBroadwell)}
	}
	return cpuModel{79, 1, with(moreBroadwell)}
}

// device is the number of the root file system's partition, as stat gives it.
func (h hardware) device() uint64 {
	if h.disk == "vda" {
		return 254<<8 | 1
	}
	return 8<<8 | 1
}
