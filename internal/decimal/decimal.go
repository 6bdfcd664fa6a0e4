// Package decimal reads numbers as people write them: in decimal, whatever zeros stand
// in front. The parsers of YAML, flags and environment would each take 010 for eight,
// as C does, and refuse 08; whoever numbers runs with seq -w means neither.
//
// A number may have underscores between its digits, as 1_000_000 has.
package decimal

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// ErrSyntax is wrapped by errors about texts that are no decimal number.
var ErrSyntax = errors.New("no decimal number")

// ErrRange is wrapped by errors about numbers that their type does not have.
var ErrRange = errors.New("number out of range")

var (
	whole  = regexp.MustCompile(`^[+-]?[0-9]+(_[0-9]+)*$`)
	broken = regexp.MustCompile(`^[+-]?([0-9]+(_[0-9]+)*\.?|([0-9]+(_[0-9]+)*)?\.[0-9]+(_[0-9]+)*)([eE][+-]?[0-9]+)?$`)
)

// Int reads a whole number of at most 64 bits: 10 of "010", "+10" and "1_0".
func Int(text string) (int64, error) {
	if !whole.MatchString(text) {
		return 0, fmt.Errorf("%w: %.80q", ErrSyntax, text)
	}
	v, err := strconv.ParseInt(digits(text), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %.80q, expected %d to %d", ErrRange, text, int64(math.MinInt64), int64(math.MaxInt64))
	}
	return v, nil
}

// Uint reads a whole number of at most 64 bits that is not negative.
func Uint(text string) (uint64, error) {
	if !whole.MatchString(text) {
		return 0, fmt.Errorf("%w: %.80q", ErrSyntax, text)
	}
	v, err := strconv.ParseUint(strings.TrimPrefix(digits(text), "+"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %.80q, expected 0 to %d", ErrRange, text, uint64(math.MaxUint64))
	}
	return v, nil
}

// Float reads a number such as 0.1, .5, 1e-4 or 010.5, which is 10.5. Infinity and NaN
// are none; a number beyond float64, or so small that it would be read as 0, is ErrRange.
func Float(text string) (float64, error) {
	if !broken.MatchString(text) {
		return 0, fmt.Errorf("%w: %.80q", ErrSyntax, text)
	}
	v, err := strconv.ParseFloat(digits(text), 64)
	if err != nil || v == 0 && strings.ContainsAny(mantissa(text), "123456789") {
		return 0, fmt.Errorf("%w: %.80q", ErrRange, text)
	}
	return v, nil
}

// mantissa is a number without its exponent.
func mantissa(text string) string {
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		return text[:i]
	}
	return text
}

// digits drops underscores.
func digits(text string) string { return strings.ReplaceAll(text, "_", "") }
