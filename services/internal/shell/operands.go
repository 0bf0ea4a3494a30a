package shell

import "slices"

// only checks that no options but known ones and no operands were given. When that is not
// so it says what GNU programs say and returns false with the exit status.
func (c *call) only(opts []option, operands []string, known ...string) (status int, ok bool) {
	for _, o := range opts {
		if !slices.Contains(known, o.name) {
			return c.badOption(o.name), false
		}
	}
	if len(operands) > 0 {
		c.errorf("extra operand ‘%s’", operands[0])
		c.try()
		return 1, false
	}
	return 0, true
}

// noArguments checks that a program was called without arguments.
func (c *call) noArguments() (status int, ok bool) {
	opts, operands := c.flags("")
	return c.only(opts, operands)
}

// known checks options alone, and prints usage after the message as procps does.
func (c *call) known(opts []option, usage string, names ...string) bool {
	for _, o := range opts {
		if !slices.Contains(names, o.name) {
			if len(o.name) > 2 {
				c.errorf("unrecognized option '%s'", o.name)
			} else {
				c.errorf("invalid option -- '%s'", o.name[1:])
			}
			c.errln(usage)
			return false
		}
	}
	return true
}
