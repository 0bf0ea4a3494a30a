package shell

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// runOther runs another program, with its messages under this program's name.
func (c *call) runOther(args []string) int {
	c.flush()
	name := args[0]
	if !strings.Contains(name, "/") {
		p, ok := c.search(name)
		if !ok {
			c.errorf("‘%s’: No such file or directory", name)
			return 127
		}
		name = p
	}
	return c.executeFile(name, args)
}

func progDu(c *call) int {
	opts, operands := c.flags("d", "--max-depth")
	if len(operands) == 0 {
		operands = []string{"."}
	}
	limit := 1 << 30
	if s, ok := valueOf(opts, "-d", "--max-depth"); ok {
		limit, _ = strconv.Atoi(s)
	}
	if has(opts, "-s", "--summarize") {
		limit = 0
	}
	status := 0
	show := func(kb int64, name string) {
		if has(opts, "-h", "--human-readable") {
			c.printf("%s\t%s\n", human(kb*1024), name)
		} else if has(opts, "-b", "--bytes") {
			c.printf("%d\t%s\n", kb*1024, name)
		} else {
			c.printf("%d\t%s\n", kb, name)
		}
	}
	var total func(name string, i *info, depth int) int64
	total = func(name string, i *info, depth int) int64 {
		c.use.step(c.ctx)
		kb := i.stat.Blocks / 2
		if i.mode.IsDir() && depth < 64 {
			kb = 4
			list, err := c.files().list(name)
			if err != nil {
				c.errorf("cannot read directory '%s': %s", name, reason(err))
				status = 1
			}
			for _, k := range list {
				kb += total(strings.TrimSuffix(name, "/")+"/"+k.name, k, depth+1)
			}
			if depth <= limit {
				show(kb, name)
			}
		} else if depth == 0 || has(opts, "-a") && depth <= limit {
			show(kb, name)
		}
		return kb
	}
	for _, name := range operands {
		i, err := c.files().stat("stat", name, false)
		if err != nil {
			c.errorf("cannot access '%s': %s", name, reason(err))
			status = 1
			continue
		}
		total(name, i, 0)
	}
	return status
}

func progDf(c *call) int {
	opts, operands := c.flags("txB")
	m := c.sh.m
	h := has(opts, "-h", "-H")
	type row struct {
		dev, typ    string
		total, used int64
		mount       string
	}
	mem := int64(m.hw.memKB)
	total, used := m.diskKB(), m.diskUsedKB()+c.sh.files.size()/1024
	rows := []row{{"udev", "devtmpfs", mem/2 - 30000, 0, "/dev"}, {"tmpfs", "tmpfs", mem / 10, mem / 900, "/run"}, {"/dev/" + m.hw.disk + "1", m.rootFS(), total, used, "/"},
		{"tmpfs", "tmpfs", mem / 2, 0, "/dev/shm"}, {"tmpfs", "tmpfs", 5120, 0, "/run/lock"}, {"tmpfs", "tmpfs", mem / 10, 0, "/run/user/" + strconv.Itoa(int(c.cred.uid))}}
	if m.distro.family == "alpine" {
		rows = []row{{"devtmpfs", "devtmpfs", 10240, 0, "/dev"}, {"shm", "tmpfs", mem / 2, 0, "/dev/shm"}, {"/dev/" + m.hw.disk + "3", "ext4", total, used, "/"}, {"tmpfs", "tmpfs", mem / 5, 120, "/run"}}
	}
	if len(operands) > 0 {
		var keep []row
		for _, name := range operands {
			p, err := c.files().RealPath(name)
			if _, e := c.files().stat("stat", name, true); err != nil || e != nil {
				c.errorf("%s: No such file or directory", name)
				return 1
			}
			best := rows[0]
			for _, r := range rows {
				if (p == r.mount || strings.HasPrefix(p, strings.TrimSuffix(r.mount, "/")+"/")) && (len(r.mount) > len(best.mount) || !strings.HasPrefix(p, best.mount)) {
					best = r
				}
			}
			keep = append(keep, best)
		}
		rows = keep
	}
	size := func(kb int64) string {
		if h {
			if kb == 0 {
				return "0"
			}
			return human(kb * 1024)
		}
		return strconv.FormatInt(kb, 10)
	}
	head := []string{"Filesystem", "1K-blocks", "Used", "Available", "Use%", "Mounted on"}
	if h {
		head[1], head[3] = "Size", "Avail"
	}
	if has(opts, "-T") {
		head = slices.Insert(head, 1, "Type")
	}
	table := [][]string{head}
	for _, r := range rows {
		avail := r.total - r.used
		if r.mount == "/" {
			avail -= r.total / 20
		}
		pct := int64(0)
		if r.used > 0 {
			pct = (r.used*100 + r.used + avail - 1) / (r.used + avail)
		}
		line := []string{r.dev, size(r.total), size(r.used), size(avail), strconv.FormatInt(pct, 10) + "%", r.mount}
		if has(opts, "-T") {
			line = slices.Insert(line, 1, r.typ)
		}
		table = append(table, line)
	}
	if has(opts, "-i", "--inodes") {
		inodes := func(n int64) string {
			if h && n > 0 {
				return human(n)
			}
			return strconv.FormatInt(n, 10)
		}
		table = [][]string{{"Filesystem", "Inodes", "IUsed", "IFree", "IUse%", "Mounted on"}}
		for _, r := range rows {
			total, used := mem/4, int64(1)
			switch r.mount {
			case "/":
				total = int64(m.hw.diskGB) << 16
				used = 31_000 + m.id.Rand("inodes").Int64N(total/8)
			case "/dev":
				used = 330
			case "/run":
				used = 480
			}
			table = append(table, []string{r.dev, inodes(total), inodes(used), inodes(total - used), strconv.FormatInt((used*100+total-1)/total, 10) + "%", r.mount})
			if has(opts, "-T") {
				table[len(table)-1] = slices.Insert(table[len(table)-1], 1, r.typ)
			}
		}
		if has(opts, "-T") {
			table[0] = slices.Insert(table[0], 1, "Type")
		}
	}
	left := 1
	if has(opts, "-T") {
		left = 2
	}
	c.print(tabulate(table, left, [][]int{1: {14, 5, 5, 5, 4}, 2: {14, 4, 5, 5, 5, 4}}[left]))
	return 0
}

// tabulate aligns columns: the first ones to the left, the others to the right, the last
// as it is. least are the least widths.
func tabulate(table [][]string, left int, least []int) string {
	n := len(table[0])
	widths := make([]int, n)
	copy(widths, least)
	for _, row := range table {
		for i, s := range row {
			widths[i] = max(widths[i], len(s))
		}
	}
	var b strings.Builder
	for _, row := range table {
		for i, s := range row {
			switch {
			case i == n-1:
				b.WriteString(s)
			case i < left:
				fmt.Fprintf(&b, "%-*s ", widths[i], s)
			default:
				fmt.Fprintf(&b, "%*s ", widths[i], s)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// size is what the attacker has written, in bytes.
func (l *layer) size() int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.used
}
