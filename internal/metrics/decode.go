package metrics

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
)

func malformed(found, expected string) error {
	return fmt.Errorf("%w: found %s, expected %s", ErrMalformed, found, expected)
}

// decode parses one line. The keys must be those of its kind, in their order.
// Lines as [Log] writes them take a short way, which reads a long run's file
// several times faster.
func decode(line []byte) (Record, error) {
	if r := decodeWritten(line); r != nil {
		return r, nil
	}
	return decodeJSON(line)
}

// newRecord returns an empty record of a kind, nil when there is none such.
func newRecord(kind string) Record {
	switch kind {
	case "train":
		return &Train{}
	case "eval":
		return &Eval{}
	case "test":
		return &Test{}
	case "topology":
		return &Topology{}
	case "tensor":
		return &Tensor{}
	case "picture":
		return &Snapshot{}
	case "cost":
		return &Cost{}
	}
	return nil
}

// decodeJSON parses any JSON text of a record and says what is wrong with one.
func decodeJSON(line []byte) (Record, error) {
	if !json.Valid(line) {
		return nil, malformed("text that is not JSON", "an object")
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	next := func() json.Token {
		t, _ := dec.Token() // valid JSON: nil only at the end
		return t
	}
	if next() != json.Delim('{') || next() != "kind" {
		return nil, malformed("no kind", `an object that starts with "kind"`)
	}
	kind := next()
	name, _ := kind.(string)
	r := newRecord(name)
	if r == nil {
		return nil, malformed(fmt.Sprintf("kind %.40q", fmt.Sprint(kind)), "train, eval, test, topology, tensor, picture or cost")
	}
	key := next()
	for _, c := range r.columns() {
		if key != c.name {
			if c.later {
				continue
			}
			return nil, malformed(fmt.Sprintf("%.40q", fmt.Sprint(key)), fmt.Sprintf("key %q of kind %s", c.name, r.Kind()))
		}
		if err := setValue(c, next()); err != nil {
			return nil, err
		}
		key = next()
	}
	if key != json.Delim('}') {
		return nil, malformed(fmt.Sprintf("%.40q", fmt.Sprint(key)), fmt.Sprintf("the end of the %s record", r.Kind()))
	}
	if err := checkRecord(r); err != nil {
		return nil, err
	}
	return r, nil
}

// checkRecord checks what the types of a record's values do not.
func checkRecord(r Record) error {
	if r.At() < 0 {
		return malformed(fmt.Sprintf("step %d", r.At()), "0 or more")
	}
	if p, ok := r.(*Snapshot); ok {
		if n := int64(len(p.Cells)); p.Rows < 1 || p.Cols < 1 || p.Rows > n || p.Cols > n || p.Rows*p.Cols != n {
			return malformed(fmt.Sprintf("%d cells of a picture of %d x %d", n, p.Rows, p.Cols), "rows times cols")
		}
	}
	return nil
}

// setValue puts a JSON value into a record's column.
func setValue(c column, token json.Token) error {
	switch v := c.value.(type) {
	case *string:
		text, ok := token.(string)
		if !ok {
			return malformed("no text under "+c.name, "one")
		}
		*v = text
		return nil
	case *[]byte:
		text, ok := token.(string)
		if !ok {
			return malformed("no text under "+c.name, "one")
		}
		var err error
		if *v, err = base64.StdEncoding.DecodeString(text); err != nil {
			return malformed(fmt.Sprintf("%s %.40q", c.name, text), "base64")
		}
		return nil
	}
	if v, ok := c.value.(**float64); ok && token == nil {
		*v = nil
		return nil
	}
	number, ok := token.(json.Number)
	if !ok {
		return malformed("no number under "+c.name, "one")
	}
	if !setNumber(c, number.String()) {
		return malformed(fmt.Sprintf("%s %.40q", c.name, number.String()), "a number in range, whole where it counts")
	}
	return nil
}

// setNumber puts the text of a JSON number into a column and says whether it
// could.
func setNumber(c column, text string) bool {
	var err error
	switch v := c.value.(type) {
	case *int64:
		*v, err = strconv.ParseInt(text, 10, 64)
	case *float64:
		*v, err = strconv.ParseFloat(text, 64)
	case **float64:
		*v = new(float64)
		**v, err = strconv.ParseFloat(text, 64)
	default:
		return false
	}
	return err == nil
}

// decodeWritten parses a line that has numbers (or null for one) only and no space, as encode
// writes them. It returns nil for every other line, good or bad.
func decodeWritten(line []byte) Record {
	rest, ok := bytes.CutPrefix(line, []byte(`{"kind":"`))
	end := bytes.IndexByte(rest, '"')
	if !ok || end < 0 {
		return nil
	}
	r := newRecord(string(rest[:end]))
	if r == nil {
		return nil
	}
	rest = rest[end+1:]
	for _, c := range r.columns() {
		n := len(c.name)
		if len(rest) < n+4 || rest[0] != ',' || rest[1] != '"' || string(rest[2:2+n]) != c.name || rest[2+n] != '"' || rest[3+n] != ':' {
			if c.later {
				continue
			}
			return nil
		}
		rest = rest[n+4:]
		if v, ok := c.value.(**float64); ok {
			if after, none := bytes.CutPrefix(rest, []byte("null")); none {
				*v, rest = nil, after
				continue
			}
		}
		end := numberEnd(rest)
		if end == 0 || !setNumber(c, string(rest[:end])) {
			return nil
		}
		rest = rest[end:]
	}
	if string(rest) != "}" || checkRecord(r) != nil {
		return nil
	}
	return r
}

// numberEnd returns the length of the JSON number that text begins with, 0 when
// there is none.
func numberEnd(text []byte) int {
	i := 0
	digits := func() bool {
		from := i
		for i < len(text) && text[i] >= '0' && text[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(text) && text[i] == '-' {
		i++
	}
	if i < len(text) && text[i] == '0' {
		i++
	} else if !digits() {
		return 0
	}
	if i < len(text) && text[i] == '.' {
		i++
		if !digits() {
			return 0
		}
	}
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		if !digits() {
			return 0
		}
	}
	return i
}
