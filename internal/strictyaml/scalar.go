package strictyaml

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/sparsebert/sparsebert-gpu/internal/decimal"
)

// binaryTag marks a text of any bytes, in base64.
const binaryTag = "!!binary"

// Encode writes a struct as YAML that Parse reads back, whatever its texts hold: paths
// may have tabs, blanks at their ends, and bytes that are not UTF-8.
func Encode(v any) ([]byte, error) {
	return yaml.MarshalWithOptions(v, yaml.CustomMarshaler[string](scalar))
}

// safeStart is of what YAML takes for nothing but a text where it stands alone: the
// library reads again what scalar returns.
var safeStart = regexp.MustCompile(`^["'/_\pL\pN]|^\.{1,2}/`)

// scalar writes a text: as the library does where that is read back, else in quotes,
// else in base64.
func scalar(s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return []byte(binaryTag + " " + base64.StdEncoding.EncodeToString([]byte(s))), nil
	}
	if !strings.ContainsFunc(s, unicode.IsControl) { // the library breaks some into lines
		plain, err := yaml.Marshal(s)
		if err != nil {
			return nil, err
		}
		if f, err := Parse("", append([]byte("k: "), plain...)); err == nil && len(f.Pairs) == 1 {
			if back, err := f.Text(f.Pairs[0]); err == nil && back == s && safeStart.Match(plain) {
				return []byte(strings.TrimSuffix(string(plain), "\n")), nil
			}
		}
	}
	return []byte(strconv.QuoteToASCII(s)), nil
}

// text returns the text that a node is.
func text(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		tok := n.GetToken()
		// The library drops tabs inside a text without quotes.
		if whole := strings.TrimSpace(tok.Origin); tok.Type == token.StringType && strings.Contains(whole, "\t") && !strings.Contains(whole, "\n") {
			return whole, true
		}
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.TagNode:
		inner, ok := n.Value.(*ast.StringNode)
		if n.GetToken().Value != binaryTag || !ok {
			return "", false
		}
		data, err := base64.StdEncoding.DecodeString(inner.Value)
		return string(data), err == nil
	}
	return "", false
}

// texts returns the texts of a list.
func texts(node ast.Node) ([]string, bool) {
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		return nil, false
	}
	out := make([]string, len(list.Values))
	for i, n := range list.Values {
		if out[i], ok = text(n); !ok {
			return nil, false
		}
	}
	return out, true
}

// number returns the digits of a node that is one word without quotes.
func number(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		return n.GetToken().Value, true
	case *ast.StringNode: // which is what 08, and 1e-07, are to the library
		return n.Value, n.GetToken().Type == token.StringType
	}
	return "", false
}

// put sets to, a pointer that File.Into takes, to what a node is. Else it returns what
// was expected.
func put(node ast.Node, to any) (expected string) {
	switch to := to.(type) {
	case *string:
		s, ok := text(node)
		if !ok {
			return "text (a number in quotes)"
		}
		*to = s
	case *[]string:
		list, ok := texts(node)
		if !ok {
			return "a list of texts, such as [a.txt, b.txt]"
		}
		*to = list
	case *bool:
		b, ok := node.(*ast.BoolNode)
		if !ok {
			return "true or false"
		}
		*to = b.Value
	case *int:
		v, expected := whole(node, decimal.Int)
		if expected == "" && int64(int(v)) != v {
			expected = fmt.Sprintf("a whole number, %d to %d", math.MinInt, math.MaxInt)
		}
		*to = int(v)
		return expected
	case *int64:
		*to, expected = whole(node, decimal.Int)
		return expected
	case *uint64:
		*to, expected = whole(node, decimal.Uint)
		return expected
	case *float64:
		return float(node, to)
	default:
		panic(fmt.Sprintf("strictyaml: a value for %s", reflect.TypeOf(to))) // a fault of the caller
	}
	return ""
}

// whole reads a whole number.
func whole[T int64 | uint64](node ast.Node, parse func(string) (T, error)) (T, string) {
	digits, ok := number(node)
	if !ok {
		return 0, "a whole number"
	}
	v, err := parse(digits)
	if errors.Is(err, decimal.ErrRange) {
		return 0, "a whole number" + err.Error()[strings.LastIndex(err.Error(), ", expected")+len(", expected"):]
	}
	if err != nil {
		return 0, "a whole number"
	}
	return v, ""
}

// float reads a number.
func float(node ast.Node, to *float64) (expected string) {
	switch n := node.(type) {
	case *ast.InfinityNode:
		*to = n.Value
		return ""
	case *ast.NanNode:
		*to = math.NaN()
		return ""
	}
	digits, ok := number(node)
	if !ok {
		return "a number"
	}
	v, err := decimal.Float(digits)
	if err != nil {
		if _, comma := decimal.Float(strings.Replace(digits, ",", ".", 1)); comma == nil {
			return "a number, with a point for the comma"
		}
		return "a number"
	}
	*to = v
	return ""
}
