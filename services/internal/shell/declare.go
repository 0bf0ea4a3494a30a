package shell

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// declare runs export, declare, local and their like with the arguments as they stand in
// the script.
func (in *interp) declare(cm *syntax.DeclClause) {
	in.status = 0
	verb := cm.Variant.Value
	if verb == "nameref" {
		verb = "declare"
	}
	var plain []string
	d := declaration{in: in, verb: verb}
	for _, as := range cm.Args {
		if as.Name == nil {
			words, ok := in.fields([]*syntax.Word{as.Value})
			if !ok {
				in.status = 1
				return
			}
			plain = append(plain, words...)
			continue
		}
		if as.Naked {
			plain = append(plain, as.Name.Value)
			continue
		}
		if !d.args(plain) {
			in.status = d.status
			return
		}
		plain = nil
		d.named = true
		if !d.begin(as.Name.Value) {
			continue
		}
		if d.assoc {
			if v := in.vars[as.Name.Value]; v == nil || !v.assoc {
				in.store(as.Name.Value, variable{elems: map[string]string{}, assoc: true, set: true})
			}
		}
		if !in.assign(as, false) {
			d.status = 1
			continue
		}
		d.mark(as.Name.Value)
	}
	d.args(plain)
	if !d.named && d.status == 0 {
		d.list()
	}
	in.status = d.status
}

func builtinExport(in *interp, args []string) int {
	d := declaration{in: in, verb: args[0]}
	d.args(args[1:])
	if !d.named && d.status == 0 {
		d.list()
	}
	return d.status
}

// declaration is one call of export, readonly, local, declare or typeset.
type declaration struct {
	in     *interp
	verb   string
	status int
	named  bool // a name was given
	print  bool
	funcs  bool
	assoc  bool
	array  bool
	global bool
	on     string // attributes to give
	off    string
}

func (d *declaration) args(args []string) bool {
	in := d.in
	for _, a := range args {
		if len(a) > 1 && (a[0] == '-' || a[0] == '+') && !d.named {
			for _, c := range a[1:] {
				switch c {
				case 'x', 'r', 'i', 'l', 'u', 't':
					if a[0] == '-' {
						d.on += string(c)
					} else {
						d.off += string(c)
					}
				case 'n':
					if d.verb == "export" {
						d.off += "x"
					}
				case 'p':
					d.print = true
				case 'f', 'F':
					d.funcs = true
				case 'A':
					d.assoc = true
				case 'a':
					d.array = true
				case 'g', 'I':
					d.global = true
				case '-':
				default:
					in.errorf("%s: -%c: invalid option", d.verb, c)
					in.write(2, d.verb+": usage: "+declareUsage[d.verb]+"\n")
					d.status = 2
					return false
				}
			}
			continue
		}
		d.named = true
		name, value, assign := strings.Cut(a, "=")
		add := strings.HasSuffix(name, "+") && assign
		name = strings.TrimSuffix(name, "+")
		if !syntax.ValidName(name) {
			if in.kind == dash {
				in.errorf("%s: %s: bad variable name", d.verb, a)
			} else {
				in.errorf("%s: `%s': not a valid identifier", d.verb, a)
			}
			d.status = 1
			continue
		}
		if d.print || d.funcs {
			d.show(name)
			continue
		}
		if !d.begin(name) {
			continue
		}
		old := in.vars[name]
		switch {
		case assign && add:
			in.set(name, in.env(name)+value)
		case assign:
			in.set(name, value)
		case d.assoc && (old == nil || !old.assoc):
			in.store(name, variable{elems: map[string]string{}, assoc: true, set: true})
		case d.array && (old == nil || old.elems == nil):
			in.store(name, variable{elems: map[string]string{}, set: true})
		case old == nil:
			in.store(name, variable{})
		}
		d.mark(name)
	}
	return true
}

var declareUsage = map[string]string{
	"declare":  "declare [-aAfFgiIlnrtux] [name[=value] ...] or declare -p [-aAfFilnrtux] [name ...]",
	"typeset":  "typeset [-aAfFgiIlnrtux] name[=value] ... or typeset -p [-aAfFilnrtux] [name ...]",
	"export":   "export [-fn] [name[=value] ...] or export -p",
	"readonly": "readonly [-aAf] [name[=value] ...] or readonly -p",
	"local":    "local [option] name[=value] ...",
}

// begin makes name local where the verb asks for it.
func (d *declaration) begin(name string) bool {
	in := d.in
	switch d.verb {
	case "local":
		if in.calls == 0 {
			if in.kind == dash {
				in.errorf("local: not in a function")
			} else {
				in.errorf("local: can only be used in a function")
			}
			d.status = 1
			return false
		}
		in.local(name)
	case "declare", "typeset":
		if in.calls > 0 && !d.global {
			in.local(name)
		}
	}
	return true
}

func (d *declaration) mark(name string) {
	v := d.in.vars[name]
	if v == nil {
		return
	}
	c := *v
	if d.verb == "export" && !strings.Contains(d.off, "x") || strings.Contains(d.on, "x") {
		c.exported = true
	}
	if strings.Contains(d.off, "x") {
		c.exported = false
	}
	if d.verb == "readonly" || strings.Contains(d.on, "r") {
		c.readonly = true
	}
	if strings.Contains(d.on, "i") {
		if n, ok := d.in.number(c.str); ok && c.elems == nil && c.set {
			c.str = strconv.FormatInt(n, 10)
		}
	}
	d.in.vars[name] = &c
}

func (d *declaration) show(name string) {
	in := d.in
	if d.funcs {
		body, ok := in.funcs[name]
		if !ok {
			d.status = 1
			return
		}
		in.write(1, name+" () \n"+printNode(body)+"\n")
		return
	}
	if !d.in.printDeclared(name) {
		in.errorf("%s: %s: not found", d.verb, name)
		d.status = 1
	}
}

func (in *interp) printDeclared(name string) bool {
	v := in.vars[name]
	if v == nil {
		return false
	}
	attr := in.attributes(name)
	if attr == "" {
		attr = "-"
	}
	line := "declare -" + attr + " " + name
	switch {
	case v.elems != nil:
		line += "=("
		for i, k := range v.keys() {
			if i > 0 {
				line += " "
			}
			line += "[" + k + "]=\"" + v.elems[k] + "\""
		}
		line += ")"
	case v.set:
		line += "=\"" + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(v.str) + "\""
	}
	in.write(1, line+"\n")
	return true
}

func (d *declaration) list() {
	in := d.in
	for _, name := range slices.Sorted(maps.Keys(in.vars)) {
		v := in.vars[name]
		switch d.verb {
		case "export":
			if !v.exported {
				continue
			}
			if in.kind != bash {
				in.write(1, "export "+name+"='"+v.str+"'\n")
				continue
			}
		case "readonly":
			if !v.readonly {
				continue
			}
		case "local":
			continue
		default:
			if strings.Contains(d.on, "x") && !v.exported || strings.Contains(d.on, "r") && !v.readonly {
				continue
			}
			if d.funcs {
				continue
			}
			if d.on == "" && !d.print {
				if v.set && v.elems == nil {
					in.write(1, name+"="+plainQuote(v.str)+"\n")
				}
				continue
			}
		}
		in.printDeclared(name)
	}
}
