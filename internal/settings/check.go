package settings

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Range says which numbers a setting may be, beside its Meanings.
type Range struct {
	Min, Max float64
	// OpenMin and OpenMax: without the end itself.
	OpenMin, OpenMax bool
}

// has tells whether v is in the range; NaN is in none.
func (r Range) has(v float64) bool {
	low, high := v >= r.Min, v <= r.Max
	if r.OpenMin {
		low = v > r.Min
	}
	if r.OpenMax {
		high = v < r.Max
	}
	return low && high
}

// String writes the range for an error.
func (r Range) String() string {
	low, high := Number(r.Min), Number(r.Max)
	switch unbounded := math.IsInf(r.Max, 1); {
	case unbounded && r.OpenMin:
		return "above " + low
	case unbounded:
		return low + " or more"
	case r.OpenMin && r.OpenMax:
		return "above " + low + " and below " + high
	case r.OpenMin:
		return "above " + low + ", at most " + high
	case r.OpenMax:
		return low + " or more and below " + high
	}
	return low + " to " + high
}

// OutOfRange returns the key of the first setting whose value no run can have,
// whatever the rest says, with what is wrong; "" when there is none. The model's
// own numbers are model.Config.Validate's business.
func OutOfRange(config any) (key, wrong string) {
	for _, s := range table {
		if wrong := s.Wrong(config); wrong != "" {
			return s.Key, wrong
		}
	}
	return "", ""
}

// Wrong returns what is wrong with the setting's value whatever the others are, ""
// when nothing is.
func (s Setting) Wrong(config any) string {
	switch v := s.Value(config).(type) {
	case string:
		if s.Words != nil && v != s.Default && !slices.Contains(s.Words, v) {
			return s.wrongWord(v)
		}
	case encoding.TextMarshaler:
		if _, err := v.MarshalText(); err != nil {
			return fmt.Sprintf("found number %d, expected one of %s", reflect.ValueOf(v).Uint(), strings.Join(s.words(), ", "))
		}
	case int:
		return s.wrongNumber(float64(v))
	case int64:
		return s.wrongNumber(float64(v))
	case float64:
		return s.wrongNumber(v)
	}
	return ""
}

// Expected says what the setting's value may be.
func (s Setting) Expected() string {
	if words := s.words(); words != nil {
		return "one of " + strings.Join(words, ", ")
	}
	text := s.kind()
	if s.Range != nil {
		text = s.Range.String()
	}
	if meanings := s.meanings(); meanings != "" {
		text += " (" + meanings + ")"
	}
	return text
}

// kind names the type of the setting's value.
func (s Setting) kind() string {
	switch s.Default.(type) {
	case bool:
		return "true or false"
	case int, int64:
		return "a whole number"
	case uint64:
		return "a whole number, 0 or more"
	case float64:
		return "a number"
	case []string:
		return "a list of texts"
	}
	return "text"
}

func (s Setting) wrongWord(found string) string {
	return fmt.Sprintf("found %.80q, expected %s", found, s.Expected())
}

// wrongNumber checks a number.
func (s Setting) wrongNumber(v float64) string {
	special := slices.ContainsFunc(s.Meanings, func(m Meaning) bool { return m.Value == v })
	if s.Range == nil || special || s.Range.has(v) {
		return ""
	}
	return fmt.Sprintf("found %s, expected %s", Number(v), s.Expected())
}

// words are all that a text or an enumeration may be, nil where the setting is
// neither or any text will do.
func (s Setting) words() []string {
	t := reflect.TypeOf(s.Default)
	if _, ok := s.Default.(encoding.TextMarshaler); !ok {
		return s.Words
	}
	var out []string
	for i := uint64(0); ; i++ {
		v := reflect.New(t).Elem()
		v.SetUint(i)
		text, err := v.Interface().(encoding.TextMarshaler).MarshalText()
		if err != nil {
			return out
		}
		out = append(out, string(text))
	}
}

// Parse sets an enumeration, or a text, in a configuration to what a word means. It
// returns what is wrong, "" when nothing is.
func (s Setting) Parse(config any, word string) (wrong string) {
	switch to := s.Pointer(config).(type) {
	case *string:
		*to = word
		return s.Wrong(config)
	case encoding.TextUnmarshaler:
		if to.UnmarshalText([]byte(word)) != nil {
			return s.wrongWord(word)
		}
		return ""
	}
	panic(fmt.Sprintf("setting %s is no text", s.Key)) // a fault of the caller
}

// Number writes a value as a person would have given it.
func Number(v float64) string {
	if math.Abs(v) < 1e15 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
