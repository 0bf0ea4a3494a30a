package shell

import (
	"strconv"
	"strings"
)

// bashVariables sets what bash sets by itself when it starts.
func (in *interp) bashVariables() {
	if in.kind != bash {
		return
	}
	m := in.sh.m
	in.set("BASH", "/bin/bash")
	in.set("BASH_VERSION", m.distro.bashVersion)
	in.set("HOSTNAME", m.hostname())
	in.set("HOSTTYPE", "x86_64")
	in.set("MACHTYPE", "x86_64-pc-linux-gnu")
	in.set("OSTYPE", "linux-gnu")
	number, kind, _ := strings.Cut(m.distro.bashVersion, "-")
	parts := strings.FieldsFunc(number, func(r rune) bool { return r == '.' || r == '(' || r == ')' })
	info := make(map[string]string, 6)
	for i, p := range append(parts, kind, "x86_64-pc-linux-gnu") {
		info[strconv.Itoa(i)] = p
	}
	in.store("BASH_VERSINFO", variable{elems: info, set: true, readonly: true})
	in.store("PIPESTATUS", variable{elems: map[string]string{}, set: true})
}

// pipeStatus sets PIPESTATUS after a pipeline of the given statuses.
func (in *interp) pipeStatus(statuses ...int) {
	if in.kind != bash {
		return
	}
	if v := in.vars["PIPESTATUS"]; v != nil && (v.readonly || len(statuses) == 1 && len(v.elems) == 1 && v.elems["0"] == strconv.Itoa(statuses[0])) {
		return
	}
	elems := make(map[string]string, len(statuses))
	for i, s := range statuses {
		elems[strconv.Itoa(i)] = strconv.Itoa(s)
	}
	in.store("PIPESTATUS", variable{elems: elems, set: true})
}
