package train

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// ReadConfigFile reads a YAML configuration over what c holds already. Keys are
// those of Settings. An unknown key, a key given twice, a value of the wrong type
// or out of its range is ErrUsage and names file, line and key.
func ReadConfigFile(path string, c *Config) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return usagef("%s: found %v, expected a readable configuration file", path, errors.Unwrap(err))
	}
	return ParseConfig(path, data, c)
}

// ParseConfig is ReadConfigFile on bytes; name stands for the file in errors.
func ParseConfig(name string, data []byte, c *Config) error {
	if at := firstBinary(data); at >= 0 {
		return usagef("%s:%d: found binary data at byte %d, expected YAML in UTF-8", name, 1+bytes.Count(data[:at], []byte("\n")), at)
	}
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return yamlError(name, data, err)
	}
	lines, err := checkKeys(name, file)
	if err != nil {
		return err
	}
	if len(lines) == 0 {
		return nil
	}
	next := *c
	if err := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(&next); err != nil {
		return yamlError(name, data, err)
	}
	if key, wrong := next.outOfRange(); lines[key] > 0 {
		return usagef("%s:%d: %s: %s", name, lines[key], key, wrong)
	}
	*c = next
	return nil
}

// firstBinary returns the offset of the first NUL or byte that is not UTF-8, or -1.
func firstBinary(data []byte) int {
	for i, r := range string(data) {
		if r == 0 {
			return i
		}
		if _, size := utf8.DecodeRune(data[i:]); r == utf8.RuneError && size == 1 {
			return i
		}
	}
	return -1
}

// yamlError puts an error of the YAML library into one line.
func yamlError(name string, data []byte, err error) error {
	line, text := 1, err.Error()
	var located yaml.Error
	if errors.As(err, &located) {
		text = located.GetMessage()
		if tok := located.GetToken(); tok != nil && tok.Position != nil {
			line = tok.Position.Line
		}
	}
	text, _, _ = strings.Cut(text, "\n")
	return usagef("%s:%d: %.80s: found %.80q, expected `key: value` in YAML", name, line, text, lineOf(data, line))
}

// checkKeys checks that a file is one mapping from keys of Settings, each at
// most once, to plain values of their types, and returns the line of each. The
// YAML library alone would take 2.5 for a whole number by dropping the half, a
// null for the default, text for a number, and only the first of several
// documents.
func checkKeys(name string, file *ast.File) (lines map[string]int, err error) {
	settings := map[string]Setting{}
	for _, s := range Settings() {
		settings[s.Key] = s
	}
	var zero Config
	lines = map[string]int{}
	pairs, err := pairsOf(name, file)
	if err != nil {
		return nil, err
	}
	for _, pair := range pairs {
		line := pair.Key.GetToken().Position.Line
		key, ok := pair.Key.(*ast.StringNode)
		if !ok {
			return nil, usagef("%s:%d: found key %.80q, expected a plain one", name, line, pair.Key.GetToken().Value)
		}
		s, known := settings[key.Value]
		switch {
		case !known:
			return nil, usagef("%s:%d: found unknown key %.80q, expected the name of a flag of train, with _ for -", name, line, key.Value)
		case lines[s.Key] > 0:
			return nil, usagef("%s:%d: found key %q again, first on line %d, expected each key once", name, line, s.Key, lines[s.Key])
		}
		if expected := wrongKind(pair.Value, s.Value(&zero)); expected != "" {
			return nil, usagef("%s:%d: %s: found %s, expected %s", name, line, s.Key, describeNode(pair.Value), expected)
		}
		lines[s.Key] = line
	}
	return lines, nil
}

// pairsOf returns the pairs of a file's one mapping; none of an empty file.
func pairsOf(name string, file *ast.File) ([]*ast.MappingValueNode, error) {
	var pairs []*ast.MappingValueNode
	seen := false
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		line := doc.Body.GetToken().Position.Line
		switch body := doc.Body.(type) {
		case *ast.CommentGroupNode:
			continue
		case *ast.MappingNode:
			pairs = body.Values
		case *ast.MappingValueNode:
			pairs = []*ast.MappingValueNode{body}
		default:
			return nil, usagef("%s:%d: found %s, expected `key: value`", name, line, describeNode(body))
		}
		if seen {
			return nil, usagef("%s:%d: found a second document, expected one", name, line)
		}
		seen = true
	}
	return pairs, nil
}

// wrongKind returns what a setting's value, a pointer as in Setting.Value, is
// expected to be, or "" when the node is that.
func wrongKind(node ast.Node, value any) string {
	switch value.(type) {
	case *string:
		if !isText(node) {
			return "text (a number in quotes)"
		}
	case *bool:
		if _, ok := node.(*ast.BoolNode); !ok {
			return "true or false"
		}
	case *int, *int64, *uint64:
		if _, ok := node.(*ast.IntegerNode); !ok {
			return "a whole number"
		}
	case *float64:
		switch n := node.(type) {
		case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		case *ast.StringNode: // which is what 1e-07 without quotes is to the library
			if _, err := strconv.ParseFloat(n.Value, 64); err != nil || n.GetToken().Type != token.StringType {
				return "a number"
			}
		default:
			return "a number"
		}
	case *[]string:
		list, ok := node.(*ast.SequenceNode)
		if !ok || slices.ContainsFunc(list.Values, func(n ast.Node) bool { return !isText(n) }) {
			return "a list of texts, such as [a.txt, b.txt]"
		}
	}
	return ""
}

// isText tells whether a node is a string.
func isText(node ast.Node) bool {
	switch node.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		return true
	}
	return false
}

// describeNode names a node in an error.
func describeNode(node ast.Node) string {
	switch node.(type) {
	case *ast.NullNode:
		return "nothing"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		return fmt.Sprintf("%.80q", node.GetToken().Value+" ...")
	}
	return fmt.Sprintf("%.80q", node.GetToken().Value)
}

// lineOf returns line n, counted from 1, without the blanks round it.
func lineOf(data []byte, n int) string {
	lines := strings.Split(string(data), "\n")
	if n < 1 || n > len(lines) {
		return ""
	}
	return strings.TrimSpace(lines[n-1])
}

// Encode returns the configuration as YAML, keys in the order of the struct.
func (c Config) Encode() ([]byte, error) {
	out, err := yaml.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode configuration: %w", err)
	}
	return out, nil
}

// Hash is the SHA-256, in hex, of everything in the configuration that
// determines the numbers of the run. Settings marked Running are left out.
func (c Config) Hash() (string, error) {
	sum := sha256.New()
	for _, s := range Settings() {
		if s.Running {
			continue
		}
		text, err := settingText(s, &c)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s=%s\n", s.Key, text)
	}
	return fmt.Sprintf("%x", sum.Sum(nil)), nil
}

// settingText writes a setting's value; no list and an empty one are the same.
func settingText(s Setting, c *Config) (string, error) {
	value := s.Value(c)
	if list, ok := value.(*[]string); ok && len(*list) == 0 {
		return "[]", nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("encode %s: %w", s.Key, err)
	}
	return string(text), nil
}

// Differs returns the key of the first setting, Running ones left out, in which
// a and b differ, with both values; ok is false when there is none.
func Differs(a, b Config) (key, inA, inB string, ok bool) {
	for _, s := range Settings() {
		if s.Running {
			continue
		}
		x, errX := settingText(s, &a)
		y, errY := settingText(s, &b)
		if errX != nil || errY != nil || x != y {
			return s.Key, x, y, true
		}
	}
	return "", "", "", false
}
