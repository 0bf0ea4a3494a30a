package services

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/decnet/decnet"
)

// KeyType is the type of a persona setting.
type KeyType string

// The types of persona settings.
const (
	KeyString KeyType = "string"
	KeyInt    KeyType = "int"
	KeyBool   KeyType = "bool" // true, false, yes, no, on, off, 1, 0
	KeyEnum   KeyType = "enum"
	KeySecret KeyType = "secret" // like string, not shown in listings
	KeyPath   KeyType = "path"   // a file or directory of the operator's machine that must exist
	KeyJSON   KeyType = "json"   // a JSON object with string values
)

// Key declares one persona setting.
type Key struct {
	Name, Default, Doc string
	Type               KeyType
	Enum               []string // for KeyEnum
	Min, Max           int      // for KeyInt, inclusive; both zero: any
}

// Config holds persona settings, by key name.
type Config map[string]string

// Check returns a copy of c in which every key of info that is missing or empty has its
// default and every value has its canonical form ("true" and "false" for booleans). An
// unknown key or an ill-typed value gives an error that wraps decnet.ErrSemantic and says
// what is accepted; nothing is silently ignored.
func (c Config) Check(info Info) (Config, error) {
	out := make(Config, len(info.Keys))
	for _, k := range info.Keys {
		v := c[k.Name]
		if v == "" {
			out[k.Name] = k.Default
			continue
		}
		v, err := k.canonical(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", info.Name, k.Name, err)
		}
		out[k.Name] = v
	}
	for _, name := range slices.Sorted(maps.Keys(c)) {
		if _, ok := out[name]; !ok {
			return nil, fmt.Errorf("%s: unknown key %q, accepted: %s: %w", info.Name, name, keyNames(info.Keys), decnet.ErrSemantic)
		}
	}
	return out, nil
}

func keyNames(keys []Key) string {
	if len(keys) == 0 {
		return "none"
	}
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
	}
	return strings.Join(names, ", ")
}

func (k Key) canonical(v string) (string, error) {
	refuse := func(accepted string) (string, error) {
		return "", fmt.Errorf("%q is not %s: %w", v, accepted, decnet.ErrSemantic)
	}
	switch k.Type {
	case KeyInt:
		n, err := strconv.Atoi(strings.TrimSpace(v))
		if err != nil {
			return refuse("a whole number")
		}
		if (k.Min != 0 || k.Max != 0) && (n < k.Min || n > k.Max) {
			return refuse(fmt.Sprintf("from %d to %d", k.Min, k.Max))
		}
		return strconv.Itoa(n), nil
	case KeyBool:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "true", "yes", "on", "1":
			return "true", nil
		case "false", "no", "off", "0":
			return "false", nil
		}
		return refuse("true or false")
	case KeyEnum:
		if !slices.Contains(k.Enum, v) {
			return refuse("one of " + strings.Join(k.Enum, ", "))
		}
	case KeyPath:
		if _, err := os.Stat(v); err != nil {
			return "", fmt.Errorf("%w: %w", err, decnet.ErrSemantic)
		}
	case KeyJSON:
		var m map[string]string
		if json.Unmarshal([]byte(v), &m) != nil {
			return refuse("a JSON object with string values")
		}
	}
	return v, nil
}

// Int returns the value of an int key of a checked Config.
func (c Config) Int(name string) int {
	n, _ := strconv.Atoi(c[name])
	return n
}

// Bool returns the value of a bool key of a checked Config.
func (c Config) Bool(name string) bool { return c[name] == "true" }

// Map returns the value of a json key of a checked Config, nil when it is empty.
func (c Config) Map(name string) map[string]string {
	var m map[string]string
	_ = json.Unmarshal([]byte(c[name]), &m)
	return m
}
