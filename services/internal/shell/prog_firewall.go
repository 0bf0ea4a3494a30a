package shell

func progIptables(c *call) int {
	if c.cred.uid != 0 {
		c.errln(c.name + " v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)")
		return 4
	}
	opts, _ := c.flags("tApjsdiomDINPFXRE")
	switch {
	case has(opts, "-L", "--list"):
		for i, chain := range []string{"INPUT", "FORWARD", "OUTPUT"} {
			if i > 0 {
				c.print("\n")
			}
			if has(opts, "-v") {
				c.printf("Chain %s (policy ACCEPT 0 packets, 0 bytes)\n pkts bytes target     prot opt in     out     source               destination         \n", chain)
			} else {
				c.printf("Chain %s (policy ACCEPT)\ntarget     prot opt source               destination         \n", chain)
			}
		}
	case has(opts, "-S"):
		c.print("-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n")
	case len(opts) == 0:
		c.errln(c.name + " v1.8.9 (nf_tables): no command specified\nTry `" + c.name + " -h' or '" + c.name + " --help' for more information.")
		return 2
	}
	return 0
}

func progIptablesSave(c *call) int { return 0 }

func progUfw(c *call) int {
	if c.cred.uid != 0 {
		c.errln("ERROR: You need to be root to run this script")
		return 1
	}
	if len(c.args) < 2 {
		c.errln("ERROR: not enough args")
		return 1
	}
	switch c.args[1] {
	case "status":
		c.print("Status: inactive\n")
	case "disable":
		c.print("Firewall stopped and disabled on system startup\n")
	case "enable":
		c.print("Firewall is active and enabled on system startup\n")
	case "allow", "deny", "delete", "reject":
		c.print("Rules updated\nRules updated (v6)\n")
	default:
		c.errln("ERROR: Invalid syntax")
		return 1
	}
	return 0
}
