package settings

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"reflect"
)

// Hash is the SHA-256, in hex, of everything in a configuration that determines the
// numbers of the run. Settings marked Running are left out.
func Hash(config any) (string, error) {
	sum := sha256.New()
	err := determining(config, func(s Setting, text string) {
		fmt.Fprintf(sum, "%s=%s\n", s.Key, text)
	})
	return fmt.Sprintf("%x", sum.Sum(nil)), err
}

// Change is a setting in which two configurations differ, with both values as JSON.
type Change struct{ Key, From, To string }

// Changes lists the settings, Running and Path ones left out, in which two
// configurations differ.
func Changes(a, b any) []Change {
	var out []Change
	for _, s := range table {
		if s.Running || s.Path {
			continue
		}
		x, errX := s.Text(a)
		y, errY := s.Text(b)
		if errX != nil || errY != nil || x != y {
			out = append(out, Change{s.Key, x, y})
		}
	}
	return out
}

// Differs returns the key of the first of Changes with both values; ok is false when
// there is none.
func Differs(a, b any) (key, inA, inB string, ok bool) {
	all := Changes(a, b)
	if len(all) == 0 {
		return "", "", "", false
	}
	return all[0].Key, all[0].From, all[0].To, true
}

// Changed returns the key of the first setting that is not the same in two
// configurations, with both values; ok is false when there is none.
func Changed(a, b any) (key, inA, inB string, ok bool) {
	for _, s := range table {
		x, y := s.Value(a), s.Value(b)
		if !reflect.DeepEqual(x, y) && !(reflect.ValueOf(x).Kind() == reflect.Slice && reflect.ValueOf(x).Len()+reflect.ValueOf(y).Len() == 0) {
			return s.Key, fmt.Sprintf("%.80q", fmt.Sprint(x)), fmt.Sprintf("%.80q", fmt.Sprint(y)), true
		}
	}
	return "", "", "", false
}

// Encode writes the settings that determine a run's numbers as a JSON object, in
// the order of the table.
func Encode(config any) (json.RawMessage, error) {
	var out bytes.Buffer
	separator := byte('{')
	err := determining(config, func(s Setting, text string) {
		out.WriteByte(separator)
		fmt.Fprintf(&out, "%q:%s", s.Key, text)
		separator = ','
	})
	out.WriteByte('}')
	return out.Bytes(), err
}

// Decode reads what Encode wrote. What the text does not have stays as it is.
func Decode(text json.RawMessage, config any) error {
	var values map[string]json.RawMessage
	if err := json.Unmarshal(text, &values); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	for _, s := range table {
		if v, ok := values[s.Key]; ok {
			if err := json.Unmarshal(v, s.Pointer(config)); err != nil {
				return fmt.Errorf("configuration: %s: %w", s.Key, err)
			}
		}
	}
	return nil
}

// determining hands over the settings that determine a run's numbers with their
// values. One that a file leaves out is left out: runs of programs that did not have
// it are the same runs.
func determining(config any, use func(s Setting, text string)) error {
	for _, s := range table {
		if s.Running || s.OmitEmpty && reflect.ValueOf(s.Value(config)).IsZero() {
			continue
		}
		text, err := s.Text(config)
		if err != nil {
			return err
		}
		use(s, text)
	}
	return nil
}
