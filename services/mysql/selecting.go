package mysql

import (
	"slices"
	"strings"
)

// maxRows bounds the rows that a join can have before WHERE.
const maxRows = 20_000

// run computes a selection: the columns and the rows of its result.
func (e *evaluator) run(sel *selection, outer *scope) ([]string, [][]value) {
	if sel.outfile != "" {
		e.c.writeFile(sel)
	}
	fields, rows := e.sources(sel, outer)
	if sel.where != nil {
		e.clause = "where"
		var kept [][]value
		for _, r := range rows {
			if e.eval(sel.where, &scope{fields: fields, row: r, outer: outer}).true() {
				kept = append(kept, r)
			}
		}
		rows = kept
		if len(rows) == 0 {
			e.check(sel.where, fields, outer)
		}
	}
	e.clause = "field"
	items := e.expand(sel, fields)
	names := make([]string, len(items))
	for i, it := range items {
		names[i] = it.name
	}
	scopes := e.scopes(sel, fields, rows, items, outer)
	if len(scopes) == 0 {
		for _, it := range items {
			e.check(it.e, fields, outer)
		}
	}
	type line struct {
		out  []value
		keys []value
	}
	var lines []line
	for _, s := range scopes {
		e.clause = "field"
		l := line{out: make([]value, len(items))}
		for i, it := range items {
			l.out[i] = e.eval(it.e, s)
		}
		named := &scope{fields: append(slices.Clone(s.fields), itemFields(items)...), row: append(slices.Clone(s.row), l.out...), group: s.group, grouped: s.grouped, outer: s.outer}
		if len(s.row) < len(s.fields) {
			named.row = append(make([]value, len(s.fields)), l.out...)
		}
		if sel.having != nil {
			e.clause = "having"
			if !e.eval(sel.having, named).true() {
				continue
			}
		}
		e.clause = "order"
		for _, o := range sel.order {
			if len(sel.unions) == 0 {
				l.keys = append(l.keys, e.orderKey(o, named, l.out))
			}
		}
		lines = append(lines, l)
	}
	if len(sel.unions) == 0 {
		slices.SortStableFunc(lines, func(a, b line) int { return byKeys(sel.order, a.keys, b.keys) })
	}
	out := make([][]value, len(lines))
	for i, l := range lines {
		out[i] = l.out
	}
	if sel.distinct {
		out = unique(out)
	}
	if len(sel.unions) > 0 {
		out = e.union(sel, names, out, outer)
	}
	return names, limited(out, sel)
}

func (e *evaluator) union(sel *selection, names []string, out [][]value, outer *scope) [][]value {
	for _, u := range sel.unions {
		more, rows := e.run(u.sel, outer)
		if len(more) != len(names) {
			panic(fail(1222, "21000", "The used SELECT statements have a different number of columns"))
		}
		out = append(out, rows...)
		if !u.all {
			out = unique(out)
		}
	}
	if len(sel.order) == 0 {
		return out
	}
	fields := make([]field, len(names))
	for i, n := range names {
		fields[i] = field{name: n}
	}
	e.clause = "order"
	keys := make(map[int][]value, len(out))
	index := make([]int, len(out))
	for i, r := range out {
		index[i] = i
		for _, o := range sel.order {
			keys[i] = append(keys[i], e.orderKey(o, &scope{fields: fields, row: r}, r))
		}
	}
	slices.SortStableFunc(index, func(a, b int) int { return byKeys(sel.order, keys[a], keys[b]) })
	sorted := make([][]value, len(out))
	for i, n := range index {
		sorted[i] = out[n]
	}
	return sorted
}

func limited(rows [][]value, sel *selection) [][]value {
	rows = rows[min(sel.offset, int64(len(rows))):]
	if sel.limit >= 0 {
		rows = rows[:min(sel.limit, int64(len(rows)))]
	}
	return rows
}

func byKeys(orders []order, a, b []value) int {
	for i, o := range orders {
		d := 0
		switch x, y := a[i], b[i]; {
		case x.kind == nullValue && y.kind == nullValue:
		case x.kind == nullValue:
			d = -1
		case y.kind == nullValue:
			d = 1
		default:
			d = compare(x, y)
		}
		if o.desc {
			d = -d
		}
		if d != 0 {
			return d
		}
	}
	return 0
}

// orderKey is what a row is ordered by: a column by number, or an expression.
func (e *evaluator) orderKey(o order, s *scope, out []value) value {
	if l, ok := o.e.(literal); ok && l.v.kind == intValue {
		if l.v.i < 1 || l.v.i > int64(len(out)) {
			panic(fail(1054, "42S22", "Unknown column '%d' in '%s'", l.v.i, e.c.srv.flav.clause("order")))
		}
		return out[l.v.i-1]
	}
	return e.eval(o.e, s)
}

func itemFields(items []item) []field {
	out := make([]field, len(items))
	for i, it := range items {
		out[i] = field{name: it.name}
	}
	return out
}

// check evaluates x where no row did, so that unknown names are told.
func (e *evaluator) check(x expr, fields []field, outer *scope) {
	switch x := x.(type) {
	case column:
		e.column(x, &scope{fields: fields, outer: outer})
	case unary:
		e.check(x.x, fields, outer)
	case infix:
		e.check(x.a, fields, outer)
		e.check(x.b, fields, outer)
	case call:
		for _, a := range x.args {
			e.check(a, fields, outer)
		}
	}
}

// sources returns the rows of FROM, one without columns when there is none.
func (e *evaluator) sources(sel *selection, outer *scope) ([]field, [][]value) {
	if len(sel.from) == 0 {
		return nil, [][]value{{}}
	}
	var fields []field
	rows := [][]value{{}}
	for _, src := range sel.from {
		f, more := e.source(src, outer)
		fields = append(fields, f...)
		if len(rows)*len(more) > maxRows {
			panic(interrupted)
		}
		joined := make([][]value, 0, len(rows)*len(more))
		for _, a := range rows {
			for _, b := range more {
				row := append(slices.Clone(a), b...)
				e.spend(0)
				if src.on != nil {
					e.clause = "on"
					if !e.eval(src.on, &scope{fields: fields, row: row, outer: outer}).true() {
						continue
					}
				}
				joined = append(joined, row)
			}
		}
		rows = joined
	}
	return fields, rows
}

func (e *evaluator) source(src source, outer *scope) ([]field, [][]value) {
	if src.sub != nil {
		if src.alias == "" {
			if !e.c.srv.flav.mariadb {
				panic(fail(1248, "42000", "Every derived table must have its own alias"))
			}
			src.alias = "__derived"
		}
		names, rows := e.run(src.sub, outer)
		fields := make([]field, len(names))
		for i, n := range names {
			fields[i] = field{src.alias, n}
		}
		return fields, rows
	}
	t := e.c.table(src.path)
	alias := src.alias
	if alias == "" {
		alias = t.name
	}
	fields := make([]field, len(t.columns))
	for i, col := range t.columns {
		fields[i] = field{alias, col.name}
	}
	return fields, t.rows
}

// expand replaces the stars of a selection.
func (e *evaluator) expand(sel *selection, fields []field) []item {
	var out []item
	for _, it := range sel.items {
		s, ok := it.e.(star)
		if !ok {
			out = append(out, it)
			continue
		}
		if len(sel.from) == 0 {
			panic(fail(1096, "HY000", "No tables used"))
		}
		found := false
		for _, f := range fields {
			if len(s.table) == 0 || strings.EqualFold(f.table, s.table[len(s.table)-1]) {
				found = true
				out = append(out, item{column{[]string{f.table, f.name}}, f.name})
			}
		}
		if !found {
			name := strings.Join(s.table, ".")
			if e.c.srv.flav.mariadb && len(s.table) == 1 && e.c.database != "" {
				name = e.c.database + "." + name
			}
			panic(fail(1051, "42S02", "Unknown table '%s'", name))
		}
	}
	return out
}

// scopes returns one scope for each row of the result.
func (e *evaluator) scopes(sel *selection, fields []field, rows [][]value, items []item, outer *scope) []*scope {
	grouped := len(sel.group) > 0 || sel.having != nil && aggregated(sel.having) ||
		slices.ContainsFunc(items, func(it item) bool { return aggregated(it.e) })
	var out []*scope
	if !grouped {
		for _, r := range rows {
			out = append(out, &scope{fields: fields, row: r, outer: outer})
		}
		return out
	}
	index := map[string]*scope{}
	for _, r := range rows {
		var key strings.Builder
		for _, g := range sel.group {
			e.clause = "group"
			s := &scope{fields: fields, row: r, outer: outer}
			v := value{}
			if c, ok := g.(column); ok && len(c.path) == 1 {
				if i := slices.IndexFunc(items, func(it item) bool { return strings.EqualFold(it.name, c.path[0]) && !aggregated(it.e) }); i >= 0 {
					v = e.eval(items[i].e, s)
				} else {
					v = e.eval(g, s)
				}
			} else {
				v = e.eval(g, s)
			}
			key.WriteString(strings.ToLower(v.String()) + "\x00")
		}
		s := index[key.String()]
		if s == nil {
			s = &scope{fields: fields, row: r, grouped: true, outer: outer}
			index[key.String()] = s
			out = append(out, s)
		}
		s.group = append(s.group, r)
	}
	if len(out) == 0 && len(sel.group) == 0 {
		out = append(out, &scope{fields: fields, grouped: true, outer: outer})
	}
	return out
}

func unique(rows [][]value) [][]value {
	seen := map[string]bool{}
	var out [][]value
	for _, r := range rows {
		var key strings.Builder
		for _, v := range r {
			key.WriteByte(byte('0' + v.kind))
			key.WriteString(v.String() + "\x00")
		}
		if !seen[key.String()] {
			seen[key.String()] = true
			out = append(out, r)
		}
	}
	return out
}
