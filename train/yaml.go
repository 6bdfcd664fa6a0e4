package train

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// YAML is a file of one mapping, read strictly: keys are plain texts, each given
// once. The YAML library alone would take 2.5 for a whole number by dropping the
// half, a null for the default, text for a number, and only the first of several
// documents. Every error about the file is ErrUsage and one line that names file
// and line.
type YAML struct {
	Name  string // of the file, in errors
	Pairs []Pair // none of an empty file
	data  []byte
}

// Pair is one key of a mapping with its value.
type Pair struct {
	Key   string
	Line  int
	Value ast.Node
}

// ParseYAML reads a file's one mapping; name stands for the file in errors.
func ParseYAML(name string, data []byte) (*YAML, error) {
	y := &YAML{Name: name, data: data}
	if at := firstBinary(data); at >= 0 {
		return nil, y.Errorf(1+bytes.Count(data[:at], []byte("\n")), "found binary data at byte %d, expected YAML in UTF-8", at)
	}
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, y.wrong(err)
	}
	seen := false
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if _, comment := doc.Body.(*ast.CommentGroupNode); comment {
			continue
		}
		if !isMapping(doc.Body) {
			return nil, y.Errorf(lineAt(doc.Body), "found %s, expected `key: value`", describeNode(doc.Body))
		}
		if seen {
			return nil, y.Errorf(lineAt(doc.Body), "found a second document, expected one")
		}
		seen = true
		if y.Pairs, err = y.pairs(doc.Body); err != nil {
			return nil, err
		}
	}
	return y, nil
}

// Errorf returns an error about a line of the file.
func (y *YAML) Errorf(line int, format string, args ...any) error {
	return usagef("%s:%d: %s", y.Name, line, fmt.Sprintf(format, args...))
}

// Mapping returns the pairs of a pair whose value is a mapping.
func (y *YAML) Mapping(p Pair) ([]Pair, error) {
	if !isMapping(p.Value) {
		return nil, y.Errorf(p.Line, "%s: found %s, expected a mapping", p.Key, describeNode(p.Value))
	}
	return y.pairs(p.Value)
}

// List returns the elements of a pair whose value is a list, each as a pair of its
// own with the same key.
func (y *YAML) List(p Pair) ([]Pair, error) {
	list, ok := p.Value.(*ast.SequenceNode)
	if !ok {
		return nil, y.Errorf(p.Line, "%s: found %s, expected a list", p.Key, describeNode(p.Value))
	}
	out := make([]Pair, len(list.Values))
	for i, v := range list.Values {
		out[i] = Pair{p.Key, lineAt(v), v}
	}
	return out, nil
}

// Text returns the value of a pair that is a text.
func (y *YAML) Text(p Pair) (string, error) {
	if !isText(p.Value) {
		return "", y.Errorf(p.Line, "%s: found %s, expected text", p.Key, describeNode(p.Value))
	}
	var text string
	if err := yaml.NodeToValue(p.Value, &text); err != nil {
		return "", y.wrong(err)
	}
	return text, nil
}

// Given is a setting with the value that a file gives it.
type Given struct {
	Setting Setting
	Pair
	file *YAML
}

// Setting checks that a pair is a setting with a value of its type.
func (y *YAML) Setting(p Pair) (Given, error) {
	all := Settings()
	i := slices.IndexFunc(all, func(s Setting) bool { return s.Key == p.Key })
	if i < 0 {
		return Given{}, y.Errorf(p.Line, "found unknown key %.80q, expected the name of a flag of train, with _ for -", p.Key)
	}
	var zero Config
	if expected := wrongKind(p.Value, all[i].Value(&zero)); expected != "" {
		return Given{}, y.Errorf(p.Line, "%s: found %s, expected %s", p.Key, describeNode(p.Value), expected)
	}
	return Given{all[i], p, y}, nil
}

// Apply puts the value into c. A value out of its range is an error, after which
// c must not be used.
func (g Given) Apply(c *Config) error {
	if err := yaml.NodeToValue(g.Pair.Value, g.Setting.Value(c), yaml.Strict()); err != nil {
		return g.file.wrong(err)
	}
	if key, wrong := c.OutOfRange(); key == g.Key {
		return g.file.Errorf(g.Line, "%s: %s", key, wrong)
	}
	return nil
}

// wrong puts an error of the YAML library into one line.
func (y *YAML) wrong(err error) error {
	line, text := 1, err.Error()
	var located yaml.Error
	if errors.As(err, &located) {
		text = located.GetMessage()
		if tok := located.GetToken(); tok != nil && tok.Position != nil {
			line = tok.Position.Line
		}
	}
	text, _, _ = strings.Cut(text, "\n")
	return y.Errorf(line, "%.80s: found %.80q, expected `key: value` in YAML", text, lineOf(y.data, line))
}

// pairs returns the pairs of a mapping.
func (y *YAML) pairs(node ast.Node) ([]Pair, error) {
	var values []*ast.MappingValueNode
	switch m := node.(type) {
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	}
	lines := map[string]int{}
	var out []Pair
	for _, v := range values {
		line := lineAt(v.Key)
		key, ok := v.Key.(*ast.StringNode)
		if !ok {
			return nil, y.Errorf(line, "found key %.80q, expected a plain one", v.Key.GetToken().Value)
		}
		if first := lines[key.Value]; first > 0 {
			return nil, y.Errorf(line, "found key %.80q again, first on line %d, expected each key once", key.Value, first)
		}
		lines[key.Value] = line
		out = append(out, Pair{key.Value, line, v.Value})
	}
	return out, nil
}

// isMapping tells whether a node is a mapping.
func isMapping(node ast.Node) bool {
	switch node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	}
	return false
}

// lineAt returns the line of a node.
func lineAt(node ast.Node) int {
	if node == nil || node.GetToken() == nil || node.GetToken().Position == nil {
		return 1
	}
	return node.GetToken().Position.Line
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
