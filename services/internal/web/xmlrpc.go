package web

import (
	"bytes"
	"encoding/xml"
	"errors"
	"html"
	"io"
	"strconv"
	"strings"
)

// rpcCall is an XML-RPC call: a method and its parameters.
type rpcCall struct {
	method string
	params []rpcValue
}

// rpcValue is a parameter: text, or the values of an array or of the members of a struct.
type rpcValue struct {
	text  string
	items []rpcItem
}

type rpcItem struct {
	name  string // of a struct member
	value rpcValue
}

// The bounds of a call.
const (
	rpcDepth  = 16
	rpcValues = 4000
)

var errRPC = errors.New("web: malformed XML-RPC call")

// parseCall reads an XML-RPC call.
func parseCall(text []byte) (rpcCall, error) {
	p := rpcParser{dec: xml.NewDecoder(bytes.NewReader(text)), left: rpcValues}
	p.dec.Strict = false
	p.dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	var c rpcCall
	for {
		t, err := p.dec.Token()
		if err != nil {
			if c.method == "" {
				return c, errRPC
			}
			return c, nil
		}
		start, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		switch start.Name.Local {
		case "methodName":
			c.method = strings.TrimSpace(p.chars())
		case "value":
			v, err := p.value(0)
			if err != nil {
				return c, err
			}
			c.params = append(c.params, v)
		}
	}
}

type rpcParser struct {
	dec  *xml.Decoder
	left int
}

// chars returns the text up to the end of the element that was just opened.
func (p *rpcParser) chars() string {
	var b strings.Builder
	for depth := 1; depth > 0; {
		t, err := p.dec.Token()
		if err != nil {
			break
		}
		switch t := t.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			b.Write(t)
		}
	}
	return b.String()
}

// value reads up to the end of a value element that was just opened.
func (p *rpcParser) value(depth int) (rpcValue, error) {
	var v rpcValue
	if p.left--; depth > rpcDepth || p.left < 0 {
		return v, errRPC
	}
	name, typed := "", false
	for {
		t, err := p.dec.Token()
		if err != nil {
			return v, errRPC
		}
		switch t := t.(type) {
		case xml.CharData:
			if !typed {
				v.text += string(t)
			}
		case xml.StartElement:
			switch t.Name.Local {
			case "value":
				item, err := p.value(depth + 1)
				if err != nil {
					return v, err
				}
				v.items = append(v.items, rpcItem{name, item})
				name = ""
			case "name":
				name = strings.TrimSpace(p.chars())
			case "array", "data", "struct", "member":
				typed = true
				v.text = ""
			default:
				typed = true
				v.text = p.chars()
			}
		case xml.EndElement:
			if t.Name.Local == "value" {
				return v, nil
			}
		}
	}
}

// param returns the text of parameter i, "" when there is none.
func (c *rpcCall) param(i int) string {
	if i >= len(c.params) {
		return ""
	}
	return c.params[i].text
}

// calls returns the calls inside a system.multicall.
func (c *rpcCall) calls() []rpcCall {
	if len(c.params) == 0 {
		return nil
	}
	var calls []rpcCall
	for _, item := range c.params[0].items {
		var sub rpcCall
		for _, member := range item.value.items {
			switch member.name {
			case "methodName":
				sub.method = strings.TrimSpace(member.value.text)
			case "params":
				for _, p := range member.value.items {
					sub.params = append(sub.params, p.value)
				}
			}
		}
		// Parameters may be wrapped once more in an array of their own.
		if len(sub.params) == 1 && len(sub.params[0].items) > 1 {
			inner := sub.params[0].items
			sub.params = nil
			for _, p := range inner {
				sub.params = append(sub.params, p.value)
			}
		}
		calls = append(calls, sub)
	}
	return calls
}

// rpcFault is a whole answer with a fault.
func rpcFault(code int, text string) string {
	return "<methodResponse>\n  <fault>\n    <value>\n" + rpcFaultStruct(code, text) + "    </value>\n  </fault>\n</methodResponse>\n"
}

func rpcFaultStruct(code int, text string) string {
	return "      <struct>\n        <member>\n          <name>faultCode</name>\n          <value><int>" + strconv.Itoa(code) + "</int></value>\n        </member>\n" +
		"        <member>\n          <name>faultString</name>\n          <value><string>" + html.EscapeString(text) + "</string></value>\n        </member>\n      </struct>\n"
}
