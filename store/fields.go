package store

import (
	"fmt"
	"strings"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/internal/jsontext"
)

// AppendFields appends fields to b as the text of one JSON object and returns the extended
// buffer. Order and repeated keys are kept, because they are evidence; readers that want one
// value for a key take the first, as [decnet.Event.Field] does.
//
// The text is always valid JSON and nothing is lost: a byte that is not part of valid UTF-8
// becomes the escape \udcXX with the byte in XX (a lone surrogate, which no text contains),
// and [ParseFields] turns it back into the byte.
func AppendFields(b []byte, fields []decnet.Field) []byte {
	b = append(b, '{')
	for i := range fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendField(b, fields[i])
	}
	return append(b, '}')
}

// AppendField appends f as it stands inside the text of AppendFields: "key":"value" with both
// quoted. A text of fields contains it exactly if one of its fields equals f, provided that
// f.Key matches [A-Za-z0-9_]+: no quote inside a value is left unescaped, so a quoted key
// followed by a colon occurs nowhere else.
func AppendField(b []byte, f decnet.Field) []byte {
	b = jsontext.Append(b, f.Key)
	b = append(b, ':')
	return jsontext.Append(b, f.Value)
}

// ParseFields reads a JSON object whose values are strings, such as [AppendFields] writes. It
// gives the fields in their order, and after a malformed part those before it together with
// an error that wraps [decnet.ErrInvalid].
func ParseFields(text string) ([]decnet.Field, error) {
	s := jsontext.Scanner{Text: text}
	var fields []decnet.Field
	if n := strings.Count(text, `":"`); n > 0 {
		fields = make([]decnet.Field, 0, n)
	}
	s.Object(func(key string) {
		if value := s.Quoted(); s.Err == nil {
			fields = append(fields, decnet.Field{Key: key, Value: value})
		}
	})
	s.End()
	if s.Err != nil {
		return fields, fmt.Errorf("store: fields: %w", s.Err)
	}
	return fields, nil
}
