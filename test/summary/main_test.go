package main

import (
	"strings"
	"testing"
)

func TestSummarise(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in, want string
		ok             bool
	}{
		{"passed", `{"Action":"pass","Package":"p","Test":"T"}` + "\n" + `{"Action":"pass","Package":"p"}`, "1 passed, 0 failed, 0 skipped", true},
		{"failed", `{"Action":"output","Package":"p","Test":"T","Output":"why\n"}` + "\n" + `{"Action":"fail","Package":"p","Test":"T"}`, "why", false},
		{"skipped", `{"Action":"pass","Package":"p","Test":"T"}` + "\n" + `{"Action":"skip","Package":"p","Test":"U"}`, "1 passed, 0 failed, 1 skipped", false},
		{"broken", `{"Action":"fail","Package":"p"}`, "0 passed, 1 failed, 0 skipped", false},
		{"nothing", ``, "0 passed, 0 failed, 0 skipped", false},
	} {
		var out strings.Builder
		if ok := summarise(strings.NewReader(c.in), &out); ok != c.ok || !strings.Contains(out.String(), c.want) {
			t.Errorf("%s: %v\n%s", c.name, ok, out.String())
		}
	}
}
