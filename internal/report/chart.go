package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// figure is anything that can be drawn in any size.
type figure interface {
	meta() *about
	// narrow is the size of a wide figure on a narrow screen.
	narrow() (w, h float64)
	draw(c canvas, w, h float64)
}

// about is what all figures have.
type about struct {
	name    string // of files and of the element in the page
	title   string
	caption string
	wide    bool // gets more room
	w, h    float64
}

func (a *about) meta() *about { return a }

func (a *about) narrow() (w, h float64) { return 400, 380 }

// chart is curves over two axes.
type chart struct {
	about
	x, y   axis
	curves []curve
	legend []key // beside those of the curves
	levels []level
}

// curve is one line of a chart, or points without a line.
type curve struct {
	label  string // in the legend; "": none
	name   string // under the mouse
	points []point
	line   stroke // width 0: no line
	marks  marker
	size   float64
	hollow bool
	tips   []string // one a point, or none
	spread [][2]float64
	ends   []string // texts beside points, or none
	shift  float64  // pixels to the right of where the points are
}

// key is an entry of the legend.
type key struct {
	label string
	line  stroke
	marks marker
}

// The look of charts.
const (
	titleSize = 15.
	labelSize = 12.
	inset     = 10. // at the left and right edge
)

var (
	titleStyle = textStyle{size: titleSize, color: inkText, bold: true}
	labelStyle = textStyle{size: labelSize, color: inkMuted}
	wordStyle  = textStyle{size: labelSize, color: inkText}
	tickEnd    = textStyle{size: labelSize, color: inkMuted, anchor: anchorEnd}
	tickMiddle = textStyle{size: labelSize, color: inkMuted, anchor: anchorMiddle}
)

// empty says whether a chart has nothing to draw.
func (c *chart) empty() bool {
	x, y := c.x, c.y
	return !x.span(c.values(func(p point) float64 { return p.x })) || !y.span(c.values(func(p point) float64 { return p.y }))
}

// values returns one coordinate of every point that both axes can show.
func (c *chart) values(of func(point) float64) func(yield func(float64) bool) {
	return func(yield func(float64) bool) {
		for _, s := range c.curves {
			for i, p := range s.points {
				if !c.x.shows(p.x) || !c.y.shows(p.y) {
					continue
				}
				if !yield(of(p)) {
					return
				}
				if i >= len(s.spread) {
					continue
				}
				for _, end := range s.spread[i] {
					if finite(end) && !yield(of(point{p.x, end})) {
						return
					}
				}
			}
		}
	}
}

// frame is where the parts of a chart are.
type frame struct {
	left, right, top, bottom float64
	xTicks, yTicks           []float64
}

// layout measures the chart for a size and sets the ranges of its axes.
func (c *chart) layout(w, h float64) frame {
	c.x.span(c.values(func(p point) float64 { return p.x }))
	c.y.span(c.heights)
	f := frame{right: w - inset - 6, bottom: h - 42}
	f.top = headHeight(c.keys(), w) + labelSize + 17
	f.yTicks = c.y.ticks(max(2, int((f.bottom-f.top)/42)))
	widest := 0.0
	for _, t := range f.yTicks {
		widest = max(widest, textWidth(c.y.text(t), labelStyle))
	}
	f.left = inset + widest + 6
	f.xTicks = c.x.ticks(max(2, int((f.right-f.left)/80)))
	return f
}

func (a *axis) text(v float64) string {
	if a.format != nil {
		return a.format(v)
	}
	return plain(v)
}

// on maps a point to the canvas.
func (c *chart) on(f frame, p point) point {
	return point{f.left + c.x.place(p.x)*(f.right-f.left), f.bottom - c.y.place(p.y)*(f.bottom-f.top)}
}

func (c *chart) draw(out canvas, w, h float64) {
	f := c.layout(w, h)
	drawHead(out, c.title, c.keys(), w)
	out.text(inset, f.top-14, fit(c.y.label, labelStyle, w-2*inset), labelStyle)
	for _, t := range f.yTicks {
		y := f.bottom - c.y.place(t)*(f.bottom-f.top)
		out.path([]point{{f.left, y}, {f.right, y}}, stroke{color: inkGrid, width: 1}, "")
		out.text(f.left-6, y+4, c.y.text(t), tickEnd)
	}
	for _, t := range f.xTicks {
		x := f.left + c.x.place(t)*(f.right-f.left)
		text := c.x.text(t)
		half := textWidth(text, labelStyle) / 2
		out.path([]point{{x, f.bottom}, {x, f.bottom + 4}}, stroke{color: inkMuted, width: 1}, "")
		out.text(min(x, w-2-half), f.bottom+17, text, tickMiddle)
	}
	out.path([]point{{f.left, f.bottom}, {f.right, f.bottom}}, stroke{color: inkMuted, width: 1}, "")
	out.text((f.left+f.right)/2, h-8, fit(c.x.label, tickMiddle, w-2*inset), tickMiddle)
	c.drawLevels(out, f)
	var busy obstacles
	for i := range slices.Backward(c.curves) { // the first is on top
		s := &c.curves[i]
		busy.add(s.draw(out, func(p point) point { return c.on(f, p) }))
		for k, ends := range s.spread[:min(len(s.spread), len(s.points))] { // a bar is no place for words
			lo, hi := c.on(f, point{s.points[k].x, ends[0]}), c.on(f, point{s.points[k].x, ends[1]})
			busy.add([]point{{lo.x + s.shift, lo.y}, {hi.x + s.shift, hi.y}})
		}
	}
	for i := range c.curves {
		s := &c.curves[i]
		for k, text := range s.ends[:min(len(s.ends), len(s.points))] {
			style := textStyle{size: labelSize, color: s.line.color, bold: true, halo: true}
			at := c.on(f, s.points[k])
			if at, ok := busy.room(point{at.x + s.shift, at.y}, text, style, f); ok {
				style.anchor = anchorMiddle
				out.text(at.x, at.y, text, style)
			}
		}
	}
}

// draw draws a curve, spreads, line and marks, and returns where its points are.
func (s *curve) draw(out canvas, on func(point) point) []point {
	placed := make([]point, len(s.points))
	exact := on
	on = func(p point) point { p = exact(p); return point{p.x + s.shift, p.y} }
	for i, p := range s.points {
		placed[i] = on(p)
		if i < len(s.spread) {
			lo, hi := on(point{p.x, s.spread[i][0]}), on(point{p.x, s.spread[i][1]})
			if math.Abs(lo.y-hi.y) > 1 {
				out.path([]point{lo, hi}, stroke{color: s.line.color, width: 1.6, alpha: 0.55}, "")
			}
		}
	}
	if s.line.width > 0 {
		out.path(placed, s.line, s.name)
	}
	for i, p := range placed {
		tip := ""
		if i < len(s.tips) {
			tip = s.tips[i]
		}
		out.mark(p, s.marks, s.size, s.line.color, s.hollow, tip)
	}
	return placed
}

// keys lists the legend.
func (c *chart) keys() []key {
	var all []key
	for _, s := range c.curves {
		if s.label != "" && len(s.points) > 0 {
			all = append(all, key{s.label, s.line, s.marks})
		}
	}
	return append(all, c.legend...)
}

// mostKeys is the most entries of a legend; a line of width swatch stands for an
// area.
const (
	mostKeys = 12
	swatch   = 9.
)

// indent is the room of an entry's sign.
func (k key) indent() float64 {
	switch {
	case k.line.width == swatch:
		return 19
	case k.line.width == 0 && k.marks == markNone:
		return 0
	}
	return 28
}

// arrange places the legend's entries in rows below the title.
func arrange(keys []key, w float64) (shown []key, at []point, height float64) {
	if len(keys) > mostKeys {
		more := fmt.Sprintf("and %d more", len(keys)-mostKeys+1)
		keys = append(append([]key{}, keys[:mostKeys-1]...), key{label: more})
	}
	x, y := inset, inset+titleSize+20
	for _, k := range keys {
		k.label = fit(k.label, wordStyle, w-2*inset-k.indent())
		width := k.indent() + textWidth(k.label, wordStyle)
		if x > inset && x+width > w-inset {
			x, y = inset, y+18
		}
		at, shown = append(at, point{x, y}), append(shown, k)
		x += width + 14
	}
	if len(keys) == 0 {
		return nil, nil, inset + titleSize + 8
	}
	return shown, at, y + 10
}

// headHeight is the height of title and legend.
func headHeight(keys []key, w float64) float64 {
	_, _, height := arrange(keys, w)
	return height
}

// drawHead draws title and legend.
func drawHead(out canvas, title string, keys []key, w float64) {
	out.text(inset, inset+titleSize-2, fit(title, titleStyle, w-2*inset), titleStyle)
	shown, at, _ := arrange(keys, w)
	for i, k := range shown {
		p := at[i]
		switch line := k.line; {
		case line.width == swatch:
			out.rect(p.x, p.y-10, 13, 11, fill{color: line.color, alpha: line.alpha}, "")
		case line.width > 0:
			line.alpha, line.width = 0, max(line.width, 2)
			out.path([]point{{p.x, p.y - 4}, {p.x + 22, p.y - 4}}, line, "")
		}
		out.mark(point{p.x + 11, p.y - 4}, k.marks, 4, k.line.color, false, "")
		out.text(p.x+k.indent(), p.y, k.label, wordStyle)
	}
}

// plotData is the attribute by which the page's script turns places into numbers.
func plotData(f figure, w, h float64) string {
	c, ok := f.(*chart)
	if !ok {
		return ""
	}
	at := c.layout(w, h)
	describe := func(a *axis, from, to float64) string {
		kind := "lin"
		if a.log {
			kind = "log"
		}
		return fmt.Sprintf("%s %s %g %g %s", number(from), number(to), a.lo, a.hi, kind)
	}
	return fmt.Sprintf(` data-x="%s" data-y="%s" data-labels="%s"`, describe(&c.x, at.left, at.right), describe(&c.y, at.bottom, at.top),
		escape(strings.Join([]string{c.x.label, c.y.label}, "\u2028")))
}
