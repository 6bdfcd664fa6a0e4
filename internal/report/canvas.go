package report

import "image"

// canvas is what figures draw on: y grows downwards, a unit is a CSS pixel. There
// are two, [svgCanvas] and [pngCanvas].
type canvas interface {
	// path draws through points, a new piece after each that is not finite; name
	// is that of a curve which a mouse can find, or "".
	path(points []point, s stroke, name string)
	// rect fills a rectangle; tip is what a mouse shows over it.
	rect(x, y, w, h float64, f fill, tip string)
	// mark draws a series' sign; hollow: its outline.
	mark(at point, m marker, size float64, color ink, hollow bool, tip string)
	text(x, y float64, s string, t textStyle)
	// image draws an image's pixels as sharp squares.
	image(x, y, w, h float64, img *image.NRGBA)
}

// point is a place on a canvas, or a pair of numbers of a curve.
type point struct{ x, y float64 }

// ink is a color by its role; 0 and up are those of series.
type ink int

// The roles.
const (
	inkText    ink = -1 - iota // words
	inkMuted                   // ticks, labels
	inkGrid                    // lines behind curves
	inkPanel                   // ground of pictures
	inkSurface                 // ground of the page
)

// palette has the colors of series. They keep apart for most kinds of color
// blindness; the last one, grey, is the dense model's.
var palette = []struct{ light, dark string }{
	{"#2563eb", "#7aaeff"},
	{"#d9480f", "#ff9254"},
	{"#0b8f6a", "#3fd0a4"},
	{"#9333ea", "#c99bff"},
	{"#a66f00", "#e8bd55"},
	{"#d6336c", "#ff86b3"},
	{"#0e86a8", "#4fcbe9"},
	{"#5b6675", "#aab6c8"},
}

// inkDense is the color of dense models.
const inkDense ink = 7

// roles are the colors of the other inks: inkText first.
var roles = []struct{ name, light, dark string }{
	{"text", "#161b22", "#e8ecf2"},
	{"muted", "#57606c", "#9ba6b5"},
	{"grid", "#e4e7ec", "#2c333d"},
	{"panel", "#f1f3f6", "#20262e"},
	{"surface", "#ffffff", "#14181d"},
}

// light returns the color on a light ground.
func (i ink) light() string {
	if i < 0 {
		return roles[-1-i].light
	}
	return palette[int(i)%len(palette)].light
}

// stroke is how a line looks.
type stroke struct {
	color ink
	width float64
	dash  int     // 0: solid; see dashes
	alpha float64 // 0: opaque
}

// dashes are the patterns, lengths of line and gap.
var dashes = [][]float64{nil, {6, 4}, {2, 3}, {9, 3, 2, 3}}

// fill is how a rectangle looks.
type fill struct {
	color ink
	alpha float64 // 0: opaque
}

// marker is the sign of a method.
type marker int

// The signs.
const (
	markNone marker = iota
	markCircle
	markSquare
	markDiamond
	markTriangle
)

// outline returns the corners of a marker round a point, nil for a circle.
func (m marker) outline(at point, r float64) []point {
	switch m {
	case markSquare:
		r *= 0.88
		return []point{{at.x - r, at.y - r}, {at.x + r, at.y - r}, {at.x + r, at.y + r}, {at.x - r, at.y + r}}
	case markDiamond:
		r *= 1.25
		return []point{{at.x, at.y - r}, {at.x + r, at.y}, {at.x, at.y + r}, {at.x - r, at.y}}
	case markTriangle:
		r *= 1.2
		return []point{{at.x, at.y - r}, {at.x + 0.87*r, at.y + r/2}, {at.x - 0.87*r, at.y + r/2}}
	}
	return nil
}

// textStyle is how words look.
type textStyle struct {
	size   float64
	color  ink
	bold   bool
	halo   bool // keeps lines behind it away
	anchor anchor
}

// anchor says which end of a text stands at its place.
type anchor int

// The anchors.
const (
	anchorStart anchor = iota
	anchorMiddle
	anchorEnd
)
