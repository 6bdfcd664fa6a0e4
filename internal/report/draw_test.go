package report

import (
	"bytes"
	"encoding/xml"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"strings"
	"testing"
)

// wellFormed parses a text as XML and returns its words.
func wellFormed(t *testing.T, text string) (words []string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return words
		}
		if err != nil {
			t.Fatalf("%v in %.300s", err, text)
		}
		if c, ok := token.(xml.CharData); ok {
			words = append(words, string(c))
		}
	}
}

// figures of every kind, with a name in their words.
func oneOfEach(name string, values []float64) []figure {
	var points []point
	for i, v := range values {
		points = append(points, point{float64(i), v})
	}
	img := newPicture(2, 3)
	paint(img, 4, mapNew, 1)
	a := about{name: "x", title: name, caption: name, w: 400, h: 300}
	curves := []curve{
		{label: name, name: name, points: points, line: stroke{width: 2, dash: 1, alpha: 0.5}, marks: markCircle, size: 3, ends: []string{name}},
		{label: name, points: points, line: stroke{color: 1}, marks: markSquare, size: 3, hollow: true, tips: []string{name}, spread: [][2]float64{{1, 2}}},
		{points: points, line: stroke{color: inkDense, width: 1}, marks: markDiamond, size: 3},
	}
	return []figure{
		&chart{about: a, x: axis{label: name}, y: axis{label: name}, curves: curves},
		&chart{about: a, x: axis{label: name, log: true}, y: axis{label: name, log: true, zero: true, format: metric}, curves: curves},
		&barChart{about: a, unit: name, format: byteText, groups: []string{name, "b"}, series: []barSeries{{name, 0, []float64{1, math.NaN()}}, {"y", 1, []float64{math.Inf(1), 3}}}},
		&heatMap{about: a, rows: []string{name}, cols: []string{"a", name}, values: [][]float64{{0.5, math.NaN()}}, format: percent},
		&panelSet{about: a, panels: []panel{{name, img}, {name, img}}, legend: []key{{label: name, line: stroke{width: swatch}}}},
	}
}

// Whatever names and numbers: well-formed SVG with no coordinate that is none, and
// a PNG of the right size that is not empty.
func checkFigures(t *testing.T, name string, values []float64) {
	t.Helper()
	for _, f := range oneOfEach(name, values) {
		for _, alone := range []bool{false, true} {
			svg, err := drawSVG(f, 400, 300, alone)
			if err != nil {
				t.Fatal(err)
			}
			wellFormed(t, svg)
			for _, bad := range []string{`"NaN`, `Inf"`, ",NaN", "+Inf,", "<script"} {
				if strings.Contains(svg, bad) && !strings.Contains(name, strings.Trim(bad, `",<`)) {
					t.Errorf("%T: found %s in %.600s", f, bad, svg)
				}
			}
		}
	}
}

func TestFiguresAreWellFormed(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: drawing starts no goroutine")
	}
	for _, name := range []string{"plain", `<script>alert("x")</script>`, "]]>&amp;\x00\x1b\xff", strings.Repeat("long ", 99), "", "' onload='x"} {
		checkFigures(t, name, []float64{3, 1, math.NaN(), 2, math.Inf(1), -4, 1e300})
	}
	checkFigures(t, "none", nil)
}

// The words of a figure are in its SVG file, whose style follows the screen.
func TestSVGFile(t *testing.T) {
	svg, err := drawSVG(oneOfEach("a<b", []float64{1, 2})[0], 400, 300, true)
	if err != nil {
		t.Fatal(err)
	}
	if words := strings.Join(wellFormed(t, svg), "|"); !strings.Contains(words, "a<b") || !strings.Contains(words, "prefers-color-scheme:dark") {
		t.Errorf("found the words %.400q, expected the title and a style for dark screens", words)
	}
}

func TestPNGFile(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: drawing starts no goroutine")
	}
	for _, f := range oneOfEach("name", []float64{1, 3, 2, math.NaN(), 4}) {
		text, err := drawPNG(f, 400, 300)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if s := img.Bounds().Size(); s != image.Pt(800, 600) {
			t.Errorf("%T: found %v pixels, expected 800 x 600", f, s)
		}
		ink := 0
		for y := range 600 {
			for x := range 800 {
				if r, g, b, _ := img.At(x, y).RGBA(); r != 0xffff || g != 0xffff || b != 0xffff {
					ink++
				}
			}
		}
		if ink < 500 || ink > 800*600*9/10 {
			t.Errorf("%T: found %d of %d pixels that are not white", f, ink, 800*600)
		}
	}
}

// A picture keeps its pixels sharp in both files.
func TestPicturesAreSharp(t *testing.T) {
	img := newPicture(2, 2)
	red := color.NRGBA{255, 0, 0, 255}
	img.SetNRGBA(0, 0, red)
	big := enlarge(img, 5, 4)
	for y := range 4 {
		for x := range 5 {
			want := color.NRGBA{}
			if x < 3 && y < 2 {
				want = red
			}
			if got := big.NRGBAAt(x, y); got != want {
				t.Errorf("at %d, %d: found %v, expected %v", x, y, got, want)
			}
		}
	}
	many := image.NewNRGBA(image.Rect(0, 0, 300, 1))
	for x := range 300 {
		many.SetNRGBA(x, 0, color.NRGBA{uint8(x), uint8(x / 256), 0, 255})
	}
	for _, src := range []*image.NRGBA{img, many} {
		small := reduce(src)
		for i := range src.Rect.Dx() {
			if got := color.NRGBAModel.Convert(small.At(i, 0)); got != src.NRGBAAt(i, 0) {
				t.Errorf("pixel %d: found %v, expected %v", i, got, src.NRGBAAt(i, 0))
			}
		}
	}
}

// A path's steps add up to its places, to a tenth, however long it is.
func TestPathData(t *testing.T) {
	if got := pathData([]point{{1, 2}, {3.26, 2}, {math.NaN(), 0}, {4, 5}, {0, 0}}, false); got != "M1,2l 2.3 0M4,5l-4-5" {
		t.Errorf("found %q", got)
	}
	if got := pathData([]point{{1, 2}}, true); got != "M1,2h0z" {
		t.Errorf("found %q", got)
	}
}

func FuzzFigures(f *testing.F) {
	f.Add("name", 1.0, 2.0, 3.0)
	f.Add("<&>\"'\x00", math.Inf(-1), math.NaN(), 0.0)
	f.Add("\xed\xa0\x80", math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64)
	f.Fuzz(func(t *testing.T, name string, a, b, c float64) {
		checkFigures(t, name, []float64{a, b, c})
	})
}
