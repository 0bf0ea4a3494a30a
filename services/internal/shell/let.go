package shell

import (
	"errors"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// plainLet makes an ordinary builtin of every let whose expressions do not parse: for the
// parser they are part of the grammar, for bash they are words until let runs.
func (in *interp) plainLet(text string) string {
	if in.kind != bash || !strings.Contains(text, "let") {
		return text
	}
	quoted := text
	for range 16 {
		err := parse([]byte(quoted), in.lang(), func([]*syntax.Stmt) bool { return true })
		if err == nil {
			return quoted
		}
		var bad syntax.ParseError
		if !errors.As(err, &bad) {
			break
		}
		at := lastLet(quoted, int(bad.Pos.Offset()))
		if at < 0 {
			break
		}
		quoted = quoted[:at] + `\` + quoted[at:]
	}
	return text
}

// lastLet returns where the last command word let begins that is not behind off.
func lastLet(text string, off int) int {
	for end := min(off+len("let"), len(text)); ; {
		at := strings.LastIndex(text[:end], "let")
		if at < 0 {
			return -1
		}
		before := strings.TrimRight(text[:at], " \t")
		after := text[at+len("let"):]
		starts := before == "" || strings.IndexByte(";&|(\n{!", before[len(before)-1]) >= 0
		if starts && (after == "" || strings.IndexByte(" \t\n;&|)", after[0]) >= 0) {
			return at
		}
		end = at + len("let") - 1
	}
}

func builtinLet(in *interp, args []string) int {
	if len(args) == 1 {
		in.errorf("let: expression expected")
		return 1
	}
	status := 1
	for _, a := range args[1:] {
		x, ok := parseArithm(a)
		if !ok {
			in.errorf("let: %s: syntax error: operand expected (error token is %q)", a, operandMissing(a))
			return 1
		}
		n, ok := in.arithm(x)
		if !ok {
			return 1
		}
		status = int(truth(n == 0))
	}
	return status
}

// operandMissing returns the end of an expression from the operator that lacks one.
func operandMissing(s string) string {
	if i := strings.LastIndexFunc(s, func(r rune) bool {
		return r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}); i+1 < len(s) {
		return strings.TrimLeft(s[i+1:], " ")
	}
	return s
}
