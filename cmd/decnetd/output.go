package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"

	"github.com/decnet/decnet/services"
)

// printJSON writes one indented document.
func printJSON(w io.Writer, v any) error {
	e := newEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// newEncoder writes JSON that a terminal shows as it is.
func newEncoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(escaping{w})
	e.SetEscapeHTML(false)
	return e
}

// escaping takes JSON text and escapes what encoding/json leaves to act on a terminal, such as
// the controls beyond ASCII and the marks that turn the direction of writing. Each Write has
// whole characters.
type escaping struct{ to io.Writer }

// Write writes all of text, or fails.
func (e escaping) Write(text []byte) (int, error) {
	if _, err := e.to.Write(appendEscaped(nil, string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}

func appendEscaped(dst []byte, text string) []byte {
	for _, r := range text {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			dst = utf8.AppendRune(dst, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, high, low)
		default:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		}
	}
	return dst
}

// printed is standard output, which remembers that it could not be written: not everything that
// prints looks.
type printed struct {
	w io.Writer

	mu  sync.Mutex
	err error
}

// Write implements io.Writer.
func (p *printed) Write(text []byte) (int, error) {
	n, err := p.w.Write(text)
	if err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.err == nil {
			p.err = err
		}
	}
	return n, err
}

func (p *printed) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// isTerminal reports whether w is a terminal that wants colour.
func isTerminal(w io.Writer) bool {
	if p, ok := w.(*printed); ok {
		w = p.w
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func colourful(w io.Writer) bool { return isTerminal(w) && os.Getenv("NO_COLOR") == "" }

// printTable writes aligned columns; the head is bold on a terminal that wants colour.
func printTable(w io.Writer, head []string, rows [][]string) {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft = ""
	style.Box.PaddingRight = "  "
	style.Format.Header = text.FormatDefault
	if colourful(w) {
		style.Color.Header = text.Colors{text.Bold}
	}
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	t.AppendHeader(cells(head))
	for _, r := range rows {
		t.AppendRow(cells(r))
	}
	t.Render()
}

func cells(texts []string) table.Row {
	row := make(table.Row, len(texts))
	for i, s := range texts {
		row[i] = plain(s)
	}
	return row
}

// plain returns s, quoted when it holds what a terminal would act on.
func plain(s string) string {
	if services.Printable(s) {
		return s
	}
	return strconv.QuoteToASCII(s)
}
