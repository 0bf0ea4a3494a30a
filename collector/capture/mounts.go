package capture

import "strings"

// mount is a line of mountinfo.
type mount struct{ dir, kind string }

// parseMounts reads /proc/<pid>/mountinfo (proc(5)): the mount point is the fifth field, and
// the type of the file system the first after a lone "-".
func parseMounts(text string) []mount {
	var list []mount
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	for line := range strings.Lines(text) {
		head, tail, ok := strings.Cut(line, " - ")
		f := strings.Fields(head)
		kind, _, _ := strings.Cut(tail, " ")
		if ok && len(f) >= 6 {
			list = append(list, mount{unescape.Replace(f[4]), kind})
		}
	}
	return list
}
