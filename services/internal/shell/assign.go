package shell

import (
	"strconv"

	"mvdan.cc/sh/v3/syntax"
)

// assign makes one assignment.
func (in *interp) assign(as *syntax.Assign, export bool) bool {
	name := as.Name.Value
	old := in.vars[name]
	v := variable{set: true, exported: export}
	if old != nil {
		v.exported = v.exported || old.exported
		v.assoc = old.assoc
	}
	switch {
	case as.Array != nil:
		return in.assignArray(as, v)
	case as.Index != nil:
		key, ok := in.index(name, as.Index)
		if !ok {
			return false
		}
		value, ok := in.word(as.Value)
		if !ok {
			return false
		}
		return in.setElem(name, key, value, as.Append)
	}
	value, ok := in.word(as.Value)
	if !ok {
		return false
	}
	if old != nil && old.elems != nil {
		return in.setElem(name, "0", value, as.Append)
	}
	if as.Append && old != nil {
		in.grow(len(old.str) + len(value))
		value = old.str + value
	}
	v.str = value
	if in.opt.xtrace && !export {
		in.write(2, "+ "+name+"="+value+"\n")
	}
	return in.store(name, v)
}

func (in *interp) setElem(name, key, value string, add bool) bool {
	v := variable{set: true, elems: make(map[string]string)}
	if old := in.vars[name]; old != nil {
		v.assoc, v.exported = old.assoc, old.exported
		if old.elems == nil && old.set {
			v.elems["0"] = old.str
		}
		for k, e := range old.elems {
			in.use.step(in.ctx)
			v.elems[k] = e
		}
	}
	if add {
		value = v.elems[key] + value
	}
	v.elems[key] = value
	return in.store(name, v)
}

func (in *interp) assignArray(as *syntax.Assign, v variable) bool {
	name := as.Name.Value
	v.elems = make(map[string]string)
	next := 0
	if old := in.vars[name]; old != nil && as.Append {
		if old.elems == nil && old.set {
			v.elems["0"], next = old.str, 1
		}
		for k, e := range old.elems {
			v.elems[k] = e
			if n, err := strconv.Atoi(k); err == nil && n >= next {
				next = n + 1
			}
		}
	}
	for _, el := range as.Array.Elems {
		if el.Index != nil {
			key, ok := in.index(name, el.Index)
			if !ok {
				return false
			}
			value := ""
			if el.Value != nil {
				if value, ok = in.word(el.Value); !ok {
					return false
				}
			}
			v.elems[key] = value
			if n, err := strconv.Atoi(key); err == nil {
				next = n + 1
			}
			continue
		}
		values, ok := in.fields([]*syntax.Word{el.Value})
		if !ok {
			return false
		}
		for _, value := range values {
			v.elems[strconv.Itoa(next)] = value
			next++
		}
	}
	return in.store(name, v)
}
