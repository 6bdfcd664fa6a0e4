package report

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/train"
)

// level is a number to which curves compare: a line across a chart.
type level struct {
	y    float64
	text string
}

// near returns the levels that lie within the values of the curves or not far from them: a
// far one would leave no room to the curves.
func (c *chart) near() (out []level) {
	lo, hi := math.Inf(1), math.Inf(-1)
	for v := range c.values(func(p point) float64 { return p.y }) {
		lo, hi = min(lo, v), max(hi, v)
	}
	room := max((hi-lo)/3, 1.5*train.PlateauMargin)
	for _, l := range c.levels {
		if lo-room <= l.y && l.y <= hi+room {
			out = append(out, l)
		}
	}
	return out
}

// heights are what the y axis must span: the values, and the levels near them.
func (c *chart) heights(yield func(float64) bool) {
	for v := range c.values(func(p point) float64 { return p.y }) {
		if !yield(v) {
			return
		}
	}
	for _, l := range c.near() {
		if !yield(l.y) {
			return
		}
	}
}

// drawLevels draws the levels behind the curves.
func (c *chart) drawLevels(out canvas, f frame) {
	for _, l := range c.near() {
		y := f.bottom - c.y.place(l.y)*(f.bottom-f.top)
		out.path([]point{{f.left, y}, {f.right, y}}, stroke{color: inkMuted, width: 1.2, dash: 2}, "")
		style := labelStyle
		style.anchor, style.halo = anchorEnd, true
		out.text(f.right-2, y-5, l.text, style)
	}
}
