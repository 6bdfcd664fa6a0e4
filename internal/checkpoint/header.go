package checkpoint

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// header is a parsed safetensors header: the tensors in the order of their
// data, and data that they cover without gap or overlap.
type header struct {
	metadata map[string]string
	entries  []entry
}

// entry is one tensor with its byte range in the data section.
type entry struct {
	Info
	begin, end int64
}

// parseHeader reads the JSON text of a header over dataBytes bytes of data.
// It uses tokens, because decoding into Go values would let repeated keys,
// keys in another case and numbers such as 1.0 through.
func parseHeader(file string, text []byte, dataBytes int64) (*header, error) {
	body := bytes.TrimRight(text, " ")
	switch {
	case !utf8.Valid(body):
		return nil, corrupt(file, "header", "bytes that are not UTF-8", "JSON text")
	case len(body) == 0 || body[0] != '{':
		return nil, corrupt(file, "header byte 0", quote(string(body[:min(len(body), 8)])), "an opening brace")
	case body[len(body)-1] != '}' || !json.Valid(body):
		return nil, corrupt(file, "header", "malformed JSON", "one JSON object padded with spaces")
	}
	p := &headerParser{file: file, dec: json.NewDecoder(bytes.NewReader(body))}
	p.dec.UseNumber()
	h := &header{}
	seen := map[string]bool{}
	p.object("header", func(key string) {
		if seen[key] {
			p.fail(inTensor(key), "a second header key of that name", "each name once")
			return
		}
		seen[key] = true
		if key == metadataKey {
			h.metadata = p.metadata()
		} else {
			h.entries = append(h.entries, p.tensor(key))
		}
	})
	if p.err != nil {
		return nil, p.err
	}
	if err := checkCover(file, h.entries, dataBytes); err != nil {
		return nil, err
	}
	return h, nil
}

// checkCover sorts the entries by offset and demands that they tile the data.
func checkCover(file string, entries []entry, dataBytes int64) error {
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end), cmp.Compare(a.Name, b.Name))
	})
	var at int64
	for _, e := range entries {
		where := inTensor(e.Name)
		if e.end > dataBytes {
			return corrupt(file, where, fmt.Sprintf("data offsets [%d, %d]", e.begin, e.end), fmt.Sprintf("an end within the %d bytes of data", dataBytes))
		}
		if e.begin != at {
			what := "a gap before it"
			if e.begin < at {
				what = "an overlap with another tensor"
			}
			return corrupt(file, where, fmt.Sprintf("data offsets [%d, %d], %s", e.begin, e.end, what), fmt.Sprintf("a start at %d", at))
		}
		at = e.end
	}
	if at != dataBytes {
		return corrupt(file, "data", fmt.Sprintf("%d bytes", dataBytes), fmt.Sprintf("the %d that the header describes", at))
	}
	return nil
}

// headerParser walks the tokens of a header. The first error sticks, and every
// later step returns zero values.
type headerParser struct {
	file string
	dec  *json.Decoder
	err  error
}

func (p *headerParser) fail(where, found, expected string) {
	if p.err == nil {
		p.err = corrupt(p.file, where, found, expected)
	}
}

func (p *headerParser) token(where string) json.Token {
	if p.err != nil {
		return nil
	}
	t, err := p.dec.Token()
	if err != nil {
		p.fail(where, "malformed JSON", "a JSON value")
	}
	return t
}

func (p *headerParser) open(where string, delim json.Delim, what string) bool {
	if t := p.token(where); t != delim {
		p.fail(where, describe(t), what)
		return false
	}
	return true
}

// object reads { key: ..., ... } and calls each to read every value.
func (p *headerParser) object(where string, each func(key string)) {
	if !p.open(where, '{', "an object") {
		return
	}
	for p.err == nil && p.dec.More() {
		key, _ := p.token(where).(string)
		each(key)
	}
	p.token(where)
}

// maxRank is the most extents of a shape; what writes these files has at most 64.
const maxRank = 64

// integers reads an array of at most maxRank whole numbers in 0 .. 2^63-1.
func (p *headerParser) integers(where, field string) []int64 {
	var list []int64
	if !p.open(where, '[', field+" as an array") {
		return nil
	}
	for p.err == nil && p.dec.More() {
		t := p.token(where)
		number, ok := t.(json.Number)
		v, err := strconv.ParseInt(number.String(), 10, 64)
		if !ok || err != nil || v < 0 || number.String()[0] == '-' {
			p.fail(where, field+" with "+describe(t), "whole numbers from 0 to 2^63-1")
			return nil
		}
		if list = append(list, v); len(list) > maxRank {
			p.fail(where, fmt.Sprintf("%s of more than %d numbers", field, maxRank), "fewer")
			return nil
		}
	}
	p.token(where)
	return list
}

func (p *headerParser) text(where, what string) string {
	t := p.token(where)
	s, ok := t.(string)
	if !ok {
		p.fail(where, describe(t), what)
	}
	return s
}

func (p *headerParser) metadata() map[string]string {
	m := map[string]string{}
	p.object(metadataKey, func(key string) {
		if _, again := m[key]; again {
			p.fail(metadataKey, "two keys "+quote(key), "each key once")
			return
		}
		m[key] = p.text(metadataKey+" "+quote(key), "a string")
	})
	return m
}

func (p *headerParser) tensor(name string) entry {
	where := inTensor(name)
	e := entry{Info: Info{Name: name}}
	if name == "" {
		p.fail(where, "an empty name", "a name")
	}
	var offsets []int64
	seen := map[string]bool{}
	p.object(where, func(key string) {
		if seen[key] {
			p.fail(where, "two fields "+quote(key), "each field once")
		}
		seen[key] = true
		switch key {
		case "dtype":
			e.DType = DType(p.text(where, "dtype as a string"))
		case "shape":
			for _, v := range p.integers(where, "shape") {
				if v > math.MaxInt {
					p.fail(where, fmt.Sprintf("extent %d", v), "one that fits this machine's int")
				}
				e.Shape = append(e.Shape, int(v))
			}
		case "data_offsets":
			offsets = p.integers(where, "data_offsets")
		default:
			p.fail(where, "field "+quote(key), "dtype, shape and data_offsets only")
		}
	})
	if p.err != nil {
		return e
	}
	for _, key := range []string{"dtype", "shape", "data_offsets"} {
		if !seen[key] {
			p.fail(where, "no "+key, "dtype, shape and data_offsets")
			return e
		}
	}
	if len(offsets) != 2 {
		p.fail(where, fmt.Sprintf("%d data_offsets", len(offsets)), "2")
		return e
	}
	e.begin, e.end = offsets[0], offsets[1]
	if e.end < e.begin {
		p.fail(where, fmt.Sprintf("data offsets [%d, %d]", e.begin, e.end), "an end not before the start")
		return e
	}
	if e.DType.Size() == 0 {
		p.fail(where, "dtype "+quote(string(e.DType)), "one of BOOL U8 I8 U16 I16 F16 BF16 U32 I32 F32 U64 I64 F64")
		return e
	}
	size, err := e.Bytes()
	if err != nil {
		p.fail(where, fmt.Sprintf("shape %v of %s", e.Shape, e.DType), "a product below 2^63 bytes")
		return e
	}
	if size != e.end-e.begin {
		p.fail(where, fmt.Sprintf("%d bytes of data", e.end-e.begin), fmt.Sprintf("%d for shape %v of %s", size, e.Shape, e.DType))
	}
	return e
}

// describe names a token in an error.
func describe(t json.Token) string {
	switch v := t.(type) {
	case nil:
		return "null"
	case string:
		return "string " + quote(v)
	case json.Number:
		return "number " + quote(v.String())
	case json.Delim:
		if v == '{' {
			return "an object"
		}
		return "an array"
	}
	return fmt.Sprintf("%v", t)
}
