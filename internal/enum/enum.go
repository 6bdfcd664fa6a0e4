// Package enum gives an enumeration its texts: one table from which String,
// MarshalText and UnmarshalText are written.
//
//	var colors = enum.New[Color]("color", ErrName, "red", "green")
//
//	func (c Color) String() string { return colors.String(c) }
package enum

import (
	"fmt"
	"slices"
	"strings"
)

// Names is the table of the texts of the constants of E, which count from 0.
type Names[E ~uint8] struct {
	kind  string
	wrong error
	words []string
}

// New returns the table of an enumeration, with the texts in the order of the
// constants. kind says in errors what E is; the errors wrap wrong.
func New[E ~uint8](kind string, wrong error, words ...string) Names[E] {
	return Names[E]{kind, wrong, words}
}

// String returns the text of e, or says that it has none.
func (n Names[E]) String(e E) string {
	if n.Has(e) {
		return n.words[e]
	}
	return fmt.Sprintf("unknown %s %d", n.kind, uint8(e))
}

// Has tells whether e is one of the constants.
func (n Names[E]) Has(e E) bool { return int(e) < len(n.words) }

// Words returns the texts in the order of the constants.
func (n Names[E]) Words() []string { return slices.Clone(n.words) }

// Marshal returns the text of e, for MarshalText.
func (n Names[E]) Marshal(e E) ([]byte, error) {
	if !n.Has(e) {
		return nil, fmt.Errorf("%w: %s: found number %d, expected 0 to %d", n.wrong, n.kind, uint8(e), len(n.words)-1)
	}
	return []byte(n.words[e]), nil
}

// Unmarshal sets e to the constant of a text, for UnmarshalText. It leaves e as it
// is where there is none.
func (n Names[E]) Unmarshal(e *E, text []byte) error {
	i := slices.Index(n.words, string(text))
	if i < 0 {
		return fmt.Errorf("%w: %s: found %.80q, expected one of %s", n.wrong, n.kind, text, strings.Join(n.words, ", "))
	}
	*e = E(i)
	return nil
}
