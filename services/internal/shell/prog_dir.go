package shell

// progDir is ls with columns, vdir the long form of it.
func progDir(c *call) int {
	form := "-C"
	if c.name == "vdir" {
		form = "-l"
	}
	c.args = append([]string{c.args[0], form}, c.args[1:]...)
	return progLs(c)
}

// progRgrep is grep -r.
func progRgrep(c *call) int {
	c.args = append([]string{c.args[0], "-r"}, c.args[1:]...)
	return progGrep(c)
}
