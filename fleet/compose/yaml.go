package compose

import (
	"bytes"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// YAML returns the document as text that docker compose reads as it is meant: a dollar
// sign is doubled, so that nothing in it is taken for a variable. It holds what is secret
// about the fleet.
//
// docker compose reads at most 100,000 nodes of YAML, which is about 2,000 containers.
func (d *Document) YAML() ([]byte, error) {
	text, err := d.Project.MarshalYAML()
	if err != nil {
		return nil, fmt.Errorf("compose: %w", err)
	}
	if text, err = d.quoteLines(string(text)); err != nil {
		return nil, fmt.Errorf("compose: %w", err)
	}
	return bytes.ReplaceAll(text, []byte("$"), []byte("$$")), nil
}

// quoteLines returns text, the document as YAML, with every value of several lines in
// quotes. The encoder writes them as blocks, which its own parser does not take when they
// begin with some kinds of white space.
func (d *Document) quoteLines(text string) ([]byte, error) {
	word := "lines"
	for strings.Contains(text, word) {
		word += "Q"
	}
	p := *d.Project
	var quoted []string // pairs of a word and what it stands for
	p.Services = mapTexts(reflect.ValueOf(p.Services), func(s string) string {
		if !strings.Contains(s, "\n") {
			return s
		}
		place := fmt.Sprintf("%s%dend", word, len(quoted))
		quoted = append(quoted, place, strconv.QuoteToASCII(s))
		return place
	}).Interface().(types.Services)
	if len(quoted) == 0 {
		return []byte(text), nil
	}
	marked, err := p.MarshalYAML()
	return []byte(strings.NewReplacer(quoted...).Replace(string(marked))), err
}

// mapTexts returns a copy of v in which every string but the keys of maps is what f makes
// of it. Unexported fields of structs are copied as they are.
func mapTexts(v reflect.Value, f func(string) string) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.String:
		out.SetString(f(v.String()))
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		out.Set(reflect.New(v.Type().Elem()))
		out.Elem().Set(mapTexts(v.Elem(), f))
	case reflect.Interface:
		if v.IsNil() {
			return v
		}
		out.Set(mapTexts(v.Elem(), f))
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			out.Index(i).Set(mapTexts(v.Index(i), f))
		}
	case reflect.Map:
		if v.IsNil() {
			return v
		}
		out.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
		for i := v.MapRange(); i.Next(); {
			out.SetMapIndex(i.Key(), mapTexts(i.Value(), f))
		}
	case reflect.Struct:
		out.Set(v)
		for i := range v.NumField() {
			if field := out.Field(i); field.CanSet() {
				field.Set(mapTexts(v.Field(i), f))
			}
		}
	default:
		return v
	}
	return out
}
