package report

import (
	"fmt"
	"math"
)

// barChart is groups of horizontal bars.
type barChart struct {
	about
	unit   string
	format func(float64) string
	groups []string
	series []barSeries
}

type barSeries struct {
	label  string
	color  ink
	values []float64 // one a group
}

// height is what a bar chart needs for its groups.
func (b *barChart) height() float64 {
	return headHeight(b.keys(), 440) + 30 + float64(len(b.groups))*(float64(len(b.series))*13+10)
}

func (b *barChart) keys() []key {
	if len(b.series) < 2 {
		return nil
	}
	var all []key
	for _, s := range b.series {
		all = append(all, key{label: s.label, line: stroke{color: s.color, width: swatch}})
	}
	return all
}

func (b *barChart) draw(out canvas, w, h float64) {
	drawHead(out, b.title, b.keys(), w)
	top := headHeight(b.keys(), w) + labelSize + 12
	out.text(inset, top-9, fit(b.unit, labelStyle, w-2*inset), labelStyle)
	most, words, numbers := 0., 0., 0.
	for _, g := range b.groups {
		words = max(words, textWidth(g, labelStyle))
	}
	words = min(words, w*0.38)
	for _, s := range b.series {
		for _, v := range s.values {
			if finite(v) {
				most = max(most, v)
			}
			numbers = max(numbers, textWidth(b.format(v), labelStyle))
		}
	}
	left, right := inset+words+8, w-inset-numbers-6
	row := (h - top - 8) / float64(max(len(b.groups), 1))
	bar := (row - 8) / float64(max(len(b.series), 1))
	for g, name := range b.groups {
		y := top + float64(g)*row + 4
		end := labelStyle
		end.anchor = anchorEnd
		out.text(left-8, y+(row-8)/2+4, fit(name, labelStyle, words), end)
		for i, s := range b.series {
			v := s.values[g]
			long := 0.
			if most > 0 && finite(v) {
				long = max(0, v/most*(right-left))
			}
			at := y + float64(i)*bar
			out.rect(left, at+0.5, max(long, 1), bar-1, fill{color: s.color}, fmt.Sprintf("%s, %s: %s", name, s.label, b.format(v)))
			out.text(left+long+5, at+bar/2+4, b.format(v), labelStyle)
		}
	}
	out.path([]point{{left, top}, {left, h - 8}}, stroke{color: inkMuted, width: 1}, "")
}

// heatMap is a table whose cells are shaded by their values, 0 to 1.
type heatMap struct {
	about
	rows, cols []string
	values     [][]float64
	color      ink
	format     func(float64) string
}

func (m *heatMap) height() float64 {
	return headHeight(nil, 440) + 34 + float64(len(m.rows))*26
}

func (m *heatMap) draw(out canvas, w, h float64) {
	drawHead(out, m.title, nil, w)
	top := headHeight(nil, w) + 26
	words := 0.
	for _, r := range m.rows {
		words = max(words, textWidth(r, labelStyle))
	}
	left := inset + words + 8
	high, wide := (h-top-8)/float64(max(len(m.rows), 1)), (w-inset-left)/float64(max(len(m.cols), 1))
	for c, name := range m.cols {
		out.text(left+(float64(c)+0.5)*wide, top-7, fit(name, tickMiddle, wide-2), tickMiddle)
	}
	for r, name := range m.rows {
		y := top + float64(r)*high
		out.text(left-8, y+high/2+4, name, tickEnd)
		for c, v := range m.values[r] {
			x := left + float64(c)*wide
			if !finite(v) {
				continue
			}
			tip := fmt.Sprintf("%s, %s: %s", name, m.cols[c], m.format(v))
			out.rect(x+1, y+1, wide-2, high-2, fill{color: inkPanel}, "")
			// At most 0.6, so that the number on it can be read.
			out.rect(x+1, y+1, wide-2, high-2, fill{color: m.color, alpha: 0.04 + 0.56*math.Min(math.Max(v, 0), 1)}, tip)
			if high >= 14 {
				out.text(x+wide/2, y+high/2+4, m.format(v), textStyle{size: labelSize, color: inkText, anchor: anchorMiddle})
			}
		}
	}
}
