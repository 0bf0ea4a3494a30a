package shell

import (
	"path"
	"strings"
)

func progReadlink(c *call) int {
	opts, operands := c.flags("")
	status := 0
	for _, name := range operands {
		var s string
		var err error
		if has(opts, "-f", "-e", "-m", "--canonicalize") || c.name == "realpath" {
			s, err = c.files().RealPath(name)
		} else {
			s, err = c.files().Readlink(name)
		}
		if err != nil {
			if c.name == "realpath" {
				c.errorf("%s: %s", name, reason(err))
			}
			status = 1
			continue
		}
		end := "\n"
		if has(opts, "-n") {
			end = ""
		}
		c.print(s + end)
	}
	return status
}

func progBasename(c *call) int {
	_, operands := c.flags("s")
	if len(operands) == 0 {
		c.errorf("missing operand")
		c.try()
		return 1
	}
	if c.name == "dirname" {
		for _, o := range operands {
			c.print(path.Dir(strings.TrimRight(o, "/")+map[bool]string{true: "/", false: ""}[strings.Trim(o, "/") == ""]) + "\n")
		}
		return 0
	}
	s := path.Base(operands[0])
	if len(operands) > 1 && s != operands[1] {
		s = strings.TrimSuffix(s, operands[1])
	}
	c.print(s + "\n")
	return 0
}

func progMktemp(c *call) int {
	opts, operands := c.flags("p", "--tmpdir")
	template := "tmp.XXXXXXXXXX"
	dir := "/tmp"
	if len(operands) > 0 {
		template, dir = operands[0], "."
		if strings.HasPrefix(template, "/") || has(opts, "-t") {
			dir = ""
		}
	}
	if d, ok := valueOf(opts, "-p", "--tmpdir"); ok && d != "" {
		dir = d
	}
	x := len(template) - len(strings.TrimRight(template, "X"))
	if x < 3 {
		c.errorf("too few X's in template ‘%s’", template)
		return 1
	}
	raw := make([]byte, x)
	c.sh.m.noise(raw)
	for i := range raw {
		raw[i] = crypt64[2+int(raw[i])%62]
	}
	name := strings.TrimRight(template, "X") + string(raw)
	if dir != "" && dir != "." {
		name = dir + "/" + name
	}
	var err error
	if has(opts, "-d", "--directory") {
		err = c.files().Mkdir(name, 0o700)
	} else if !has(opts, "-u") {
		err = c.create(name, nil, 0o600)
	}
	if err != nil {
		c.errorf("failed to create file via template ‘%s’: %s", template, reason(err))
		return 1
	}
	c.print(name + "\n")
	return 0
}
