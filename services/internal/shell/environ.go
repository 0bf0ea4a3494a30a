package shell

import (
	"cmp"
	"slices"
)

// environ returns the exported variables as "name=value" in the order in which the shell
// hands them to a program: that of its hash table.
func (in *interp) environ() []string {
	type bucket struct {
		name, text string
		at         int
	}
	var list []bucket
	for name, v := range in.vars {
		if v.exported && v.set && v.elems == nil {
			list = append(list, bucket{name, name + "=" + v.str, in.bucket(name)})
		}
	}
	if in.underscore != "" {
		at := in.bucket("_")
		if in.kind == bash {
			at = 1 << 10 // put last
		}
		list = append(list, bucket{"_", "_=" + in.underscore, at})
	}
	slices.SortFunc(list, func(a, b bucket) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.name, b.name))
	})
	out := make([]string, len(list))
	for i, b := range list {
		out[i] = b.text
	}
	return out
}

// bucket is where the hash table of the shell keeps a variable.
func (in *interp) bucket(name string) int {
	switch in.kind {
	case bash: // hash_string of hashlib.c, 1024 buckets
		h := uint32(2166136261)
		for _, c := range []byte(name) {
			h = h*16777619 ^ uint32(c)
		}
		return int(h % 1024)
	case dash, ash: // hashvar of var.c, 39 buckets
		if name == "" {
			return 0
		}
		h := uint32(name[0]) << 4
		for _, c := range []byte(name) {
			h += uint32(c)
		}
		return int(h % 39)
	}
	return 0
}
