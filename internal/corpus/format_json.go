package corpus

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// textOfJSON returns the text in a field of the JSON object that line holds; null
// is no text. The error says what was found instead.
func textOfJSON(line, field string) (string, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(line), &object); err != nil {
		return "", errors.New(wrongJSON(line, err))
	}
	value, ok := object[field]
	if !ok {
		names, err := fieldsOf(line)
		if err != nil {
			return "", err
		}
		if len(names) == 0 {
			return "", errors.New("an object without fields")
		}
		return "", fmt.Errorf("no field %q but %s", field, listed(names))
	}
	if string(value) == "null" {
		return "", nil
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return "", fmt.Errorf("%s in field %q", kindOfJSON(value), field)
	}
	return text, nil
}

// wrongJSON says what is wrong with a line that should be an object.
func wrongJSON(line string, err error) string {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		if int(syntax.Offset) >= len(line) {
			return fmt.Sprintf("a truncated JSON object, which ends in %q", line[max(0, len(line)-20):])
		}
		return fmt.Sprintf("no JSON (%v at byte %d of the line)", err, syntax.Offset)
	}
	return kindOfJSON([]byte(line))
}

// kindOfJSON names the type of a JSON value.
func kindOfJSON(value []byte) string {
	switch value = bytes.TrimSpace(value); {
	case len(value) == 0:
		return "nothing"
	case value[0] == '{':
		return "an object"
	case value[0] == '[':
		return "a list"
	case value[0] == '"':
		return "a text"
	}
	return fmt.Sprintf("%.20q", value)
}

// fieldsOf returns the names of an object's fields in their order.
func fieldsOf(object string) (names []string, err error) {
	d := json.NewDecoder(strings.NewReader(object))
	if _, err = d.Token(); err != nil {
		return nil, err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return names, err
		}
		names = append(names, fmt.Sprint(name))
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return names, err
		}
	}
	return names, nil
}

// How many names are listed, and how many bytes of each suffice for what is shown.
const (
	mostListed = 10
	mostShown  = 160 // of 40 characters
)

// listed quotes names, the first few of many.
func listed(names []string) string {
	var out []string
	for i, name := range names {
		if i == mostListed {
			out = append(out, fmt.Sprintf("%d more", len(names)-mostListed))
			break
		}
		out = append(out, fmt.Sprintf("%.40q", name))
	}
	return strings.Join(out, ", ")
}

// jsonShape is what JSON a text is.
type jsonShape uint8

const (
	noJSON      jsonShape = iota
	jsonLines             // an object on most lines
	jsonMixed             // an object on some lines
	jsonValue             // one value over several lines, or a list
	jsonPartial           // one object that is longer than what was looked at
)

// shapeOfJSON looks at the first lines of a text, trimmed; whole tells whether they
// are all of it, and objects how many in a hundred are objects.
func shapeOfJSON(lines []string, whole bool) (shape jsonShape, objects int) {
	first, total, found := "", 0, 0
	for _, line := range lines {
		if line == "" {
			continue
		}
		if total++; total == 1 {
			first = line
		}
		if line[0] == '{' && json.Valid([]byte(line)) {
			found++
		}
	}
	switch {
	case total == 0:
		return noJSON, 0
	case 2*found >= total:
		return jsonLines, 100
	case first[0] == '{' || first[0] == '[':
		// Perhaps the lines are parts of one value.
		switch err := oneValue(strings.Join(lines, "\n")); {
		case err == nil:
			return jsonValue, 0
		case errors.Is(err, io.ErrUnexpectedEOF) && !whole && total == 1 && first[0] == '{':
			return jsonPartial, 0
		case errors.Is(err, io.ErrUnexpectedEOF) && !whole:
			return jsonValue, 0
		}
	}
	if 10*found >= total {
		return jsonMixed, 100 * found / total
	}
	return noJSON, 0
}

// oneValue reads text as one JSON value, an object or a list of objects, texts or
// lists, with nothing behind it. io.ErrUnexpectedEOF says that it is one as far as
// it goes.
func oneValue(text string) error {
	other := errors.New("no JSON value")
	if text[0] == '[' {
		rest := strings.TrimLeft(text[1:], " \t\n")
		if rest == "" || !strings.ContainsRune("{[\"", rune(rest[0])) {
			return other
		}
	}
	d := json.NewDecoder(strings.NewReader(text))
	var value json.RawMessage
	if err := d.Decode(&value); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return other
	}
	return nil
}
