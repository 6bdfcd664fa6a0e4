// Package strictyaml reads files of one YAML mapping strictly: keys are plain texts,
// each given once, and a value is taken only for a Go type that it is. The YAML
// library alone would take 2.5 for a whole number by dropping the half, 010 for eight, a
// null for the default, text for a number, and only the first of several documents.
//
//	f, err := strictyaml.Parse("run.yaml", data)
//	for _, p := range f.Pairs {
//		text, err := f.Text(p)
//	}
//
// Every error about the file is usage.Err and one line that names file and line.
package strictyaml

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/sparsebert/sparsebert-gpu/internal/fileformat"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// File is a file's one mapping.
type File struct {
	Name  string // of the file, in errors
	Pairs []Pair // none of an empty file
	data  []byte
}

// Pair is one key of a mapping with its value.
type Pair struct {
	Key  string
	Line int
	node ast.Node
}

// Parse reads a file's one mapping; name stands for the file in errors.
func Parse(name string, data []byte) (*File, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	y := &File{Name: name, data: data}
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
			return nil, y.Errorf(lineAt(doc.Body), "found %s, expected %s", describeNode(doc.Body), y.pairExpected(lineAt(doc.Body)))
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

// maxSize bounds a file: settings are a few kilobytes.
const maxSize = 16 << 20

// ReadFile reads a file for Parse; want says in errors what it is expected to be.
// What is no text is refused by its name, as usage.Err.
func ReadFile(path, want string) ([]byte, error) {
	data, err := fileformat.ReadFile(path, want, maxSize)
	if err != nil {
		return nil, usage.Mark(err)
	}
	return data, nil
}

// Errorf returns an error about a line of the file.
func (y *File) Errorf(line int, format string, args ...any) error {
	return usage.Errorf("%s:%d: %s", y.Name, line, fmt.Sprintf(format, args...))
}

// Mapping returns the pairs of a pair whose value is a mapping.
func (y *File) Mapping(p Pair) ([]Pair, error) {
	if !isMapping(p.node) {
		return nil, y.Errorf(p.Line, "%s: found %s, expected a mapping", p.Key, describeNode(p.node))
	}
	return y.pairs(p.node)
}

// List returns the elements of a pair whose value is a list, each as a pair of its
// own with the same key.
func (y *File) List(p Pair) ([]Pair, error) {
	list, ok := p.node.(*ast.SequenceNode)
	if !ok {
		return nil, y.Errorf(p.Line, "%s: found %s, expected a list", p.Key, describeNode(p.node))
	}
	out := make([]Pair, len(list.Values))
	for i, v := range list.Values {
		out[i] = Pair{p.Key, lineAt(v), v}
	}
	return out, nil
}

// Text returns the value of a pair that is a text.
func (y *File) Text(p Pair) (string, error) {
	s, ok := text(p.node)
	if !ok {
		return "", y.Errorf(p.Line, "%s: found %s, expected text", p.Key, describeNode(p.node))
	}
	return s, nil
}

// IsList tells whether the value of a pair is a list.
func (p Pair) IsList() bool {
	_, ok := p.node.(*ast.SequenceNode)
	return ok
}

// Into puts the value of a pair into to: *string, *bool, *int, *int64, *uint64,
// *float64 or *[]string. A value of another type is an error, and to is then not to be
// used. Numbers are decimal: 010 is ten.
func (y *File) Into(p Pair, to any) error {
	if expected := put(p.node, to); expected != "" {
		return y.Errorf(p.Line, "%s: found %s, expected %s", p.Key, describeNode(p.node), expected)
	}
	return nil
}

// Check says whether the value of a pair is of to's type, as Into takes it, with the
// same error.
func (y *File) Check(p Pair, to any) error {
	return y.Into(p, reflect.New(reflect.TypeOf(to).Elem()).Interface())
}

// pairs returns the pairs of a mapping.
func (y *File) pairs(node ast.Node) ([]Pair, error) {
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
		if !ok || strings.ContainsFunc(key.Value, unicode.IsControl) {
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
		return special(node.GetToken().Value + " ...")
	}
	if t := node.GetToken(); t.Type == token.SingleQuoteType || t.Type == token.DoubleQuoteType {
		return fmt.Sprintf("%.80q in quotes", t.Value)
	}
	return fmt.Sprintf("%.80q", node.GetToken().Value)
}
