package enum

import (
	"errors"
	"testing"
)

type color uint8

var errColor = errors.New("no color")

var colors = New[color]("color", errColor, "red", "green")

func TestNames(t *testing.T) {
	for want, text := range []string{"red", "green"} {
		c := color(9)
		if err := colors.Unmarshal(&c, []byte(text)); err != nil || c != color(want) {
			t.Errorf("%s: found %d, %v, expected %d", text, c, err, want)
		}
		if got, err := colors.Marshal(c); err != nil || string(got) != text || colors.String(c) != text || !colors.Has(c) {
			t.Errorf("%d: found %q, %v, and %s, expected %s", want, got, err, colors.String(c), text)
		}
	}
	c := color(1)
	err := colors.Unmarshal(&c, []byte("Red"))
	if want := `no color: color: found "Red", expected one of red, green`; c != 1 || !errors.Is(err, errColor) || err.Error() != want {
		t.Errorf("found %d, %v, expected the value as it was and %s", c, err, want)
	}
	_, err = colors.Marshal(2)
	if want := "no color: color: found number 2, expected 0 to 1"; !errors.Is(err, errColor) || err.Error() != want {
		t.Errorf("found %v, expected %s", err, want)
	}
	if got, want := colors.String(2), "unknown color 2"; got != want || colors.Has(2) {
		t.Errorf("found %s, expected %s", got, want)
	}
}
