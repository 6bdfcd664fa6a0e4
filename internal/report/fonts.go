package report

import (
	"strings"
	"sync"

	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"gonum.org/v1/plot/font"
)

// fonts are the faces by which text is measured and PNG files are lettered: the
// Go fonts, which have the widths of the usual sans-serif ones and are two orders
// of magnitude smaller than gonum's own set.
var fonts = sync.OnceValue(func() (f struct{ regular, bold font.Face }) {
	for _, face := range []struct {
		to  *font.Face
		ttf []byte
	}{{&f.regular, goregular.TTF}, {&f.bold, gobold.TTF}} {
		parsed, err := opentype.Parse(face.ttf)
		if err != nil {
			panic("the built-in font: " + err.Error()) // a fault of the build, found by every test
		}
		*face.to = font.Face{Face: parsed}
	}
	return f
})

// faceOf returns the face of a style. PNG files have 72 dots an inch, so that a
// point is a pixel.
func faceOf(t textStyle) font.Face {
	f := fonts().regular
	if t.bold {
		f = fonts().bold
	}
	f.Font.Size = font.Length(t.size)
	return f
}

// widths keeps the width of each letter for a size of 1.
var widths sync.Map // letterKey -> float64

type letterKey struct {
	letter rune
	bold   bool
}

// browserFonts is how much wider than ours a reader's sans-serif font may be.
const browserFonts = 1.14

// textWidth is the room to leave for a text.
func textWidth(s string, t textStyle) float64 { return browserFonts * measure(s, t) }

// measure is the width of a text in our own font.
func measure(s string, t textStyle) float64 {
	w := 0.0
	for _, letter := range s {
		key := letterKey{letter, t.bold}
		unit, ok := widths.Load(key)
		if !ok {
			face := faceOf(textStyle{size: 100, bold: t.bold})
			unit = float64(face.Width(string(letter))) / 100
			widths.Store(key, unit)
		}
		w += unit.(float64)
	}
	return w * t.size
}

// fit cuts a text off, with an ellipsis, where it is wider than width.
func fit(s string, t textStyle, width float64) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if textWidth(s, t) <= width {
		return s
	}
	letters := []rune(s)
	for len(letters) > 0 {
		letters = letters[:len(letters)-1]
		if short := string(letters) + "…"; textWidth(short, t) <= width {
			return short
		}
	}
	return ""
}
