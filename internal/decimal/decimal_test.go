package decimal

import (
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"
)

func TestNumbers(t *testing.T) {
	for text, want := range map[string]int64{"010": 10, "08": 8, "0": 0, "-010": -10, "+7": 7, "1_000": 1000, "000": 0, "-9223372036854775808": math.MinInt64} {
		if got, err := Int(text); err != nil || got != want {
			t.Errorf("%q: found %d and error %v, expected %d", text, got, err, want)
		}
	}
	for text, want := range map[string]uint64{"010": 10, "+08": 8, "18446744073709551615": math.MaxUint64} {
		if got, err := Uint(text); err != nil || got != want {
			t.Errorf("%q: found %d and error %v, expected %d", text, got, err, want)
		}
	}
	for text, want := range map[string]float64{"010": 10, "010.5": 10.5, ".5": 0.5, "5.": 5, "-1e-4": -1e-4, "1E3": 1000, "1_000.5": 1000.5, "0e-400": 0, "1e-320": 1e-320} {
		if got, err := Float(text); err != nil || got != want {
			t.Errorf("%q: found %v and error %v, expected %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-", "0x10", "0o7", "0b1", "1e", "ten", "1 0", " 1", "1__0", "_1", "1_", "nan", "inf", ".", "0x1p3", "1,5", "١"} {
		_, a := Int(text)
		_, b := Uint(text)
		_, c := Float(text)
		for _, err := range []error{a, b, c} {
			if !errors.Is(err, ErrSyntax) {
				t.Errorf("%q: found error %v, expected that it is no decimal number", text, err)
			}
		}
	}
	for _, err := range []error{second(Int("9223372036854775808")), second(Uint("-1")), second(Uint("18446744073709551616")), second(Float("1e999")), second(Float("-0.1e-400"))} {
		if !errors.Is(err, ErrRange) {
			t.Errorf("found error %v, expected one of the range", err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// What is read is what the mathematics library reads in base ten.
func FuzzDecimal(f *testing.F) {
	for _, text := range []string{"010", "-08", "1_000", "0x10", "1e3", "9223372036854775808", "+", "5."} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Int(text)
		want, ok := new(big.Int).SetString(strings.ReplaceAll(text, "_", ""), 10)
		if err == nil && (!ok || !want.IsInt64() || want.Int64() != got) {
			t.Fatalf("%q: found %d, expected %v", text, got, want)
		}
		if err != nil && ok && want.IsInt64() && !strings.Contains(text, "_") {
			t.Fatalf("%q: found error %v, expected %v", text, err, want)
		}
	})
}
