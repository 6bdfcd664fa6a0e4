package report

// obstacles are what words in a chart should keep clear of, as small boxes.
type obstacles []box

type box struct{ x0, y0, x1, y1 float64 }

// hidden is how much of a box another one covers, in square pixels.
func (b box) hidden(o box) float64 {
	w, h := min(b.x1, o.x1)-max(b.x0, o.x0), min(b.y1, o.y1)-max(b.y0, o.y0)
	return max(0, w) * max(0, h)
}

// add takes in a curve: its points, and the lines between them bit by bit.
func (o *obstacles) add(points []point) {
	const mark, line, bit = 6, 2, 6.
	for i, p := range points {
		if !finite(p.x) || !finite(p.y) {
			continue
		}
		*o = append(*o, box{p.x - mark, p.y - mark, p.x + mark, p.y + mark})
		if i == 0 || len(points) > 200 || !finite(points[i-1].x) || !finite(points[i-1].y) {
			continue // of a long curve the points are enough
		}
		from := points[i-1]
		n := int(max(abs(p.x-from.x), abs(p.y-from.y)) / bit)
		for k := 1; k < n; k++ {
			t := float64(k) / float64(n)
			x, y := from.x+t*(p.x-from.x), from.y+t*(p.y-from.y)
			*o = append(*o, box{x - line, y - line, x + line, y + line})
		}
	}
}

func abs(v float64) float64 { return max(v, -v) }

// room finds the place near a point where a text, centred, covers least, and
// takes it. Not for an empty text, or a point that cannot be drawn.
func (o *obstacles) room(at point, text string, style textStyle, f frame) (point, bool) {
	if text == "" || !finite(at.x) || !finite(at.y) {
		return at, false
	}
	half, high := textWidth(text, style)/2, style.size
	var best box
	least := -1.
	for _, d := range []point{{0, 17}, {0, -17}, {1, 0}, {-1, 0}, {0.9, 13}, {-0.9, 13}, {0.9, -13}, {-0.9, -13}, {0, 30}, {0, -30}, {0.9, 26}, {0.9, -26}, {-0.9, 26}, {-0.9, -26}} {
		x, y := at.x+d.x*(half+11), at.y+d.y
		b := box{x - half, y - high/2, x + half, y + high/2}
		if b.x0 < f.left || b.x1 > f.right+4 || b.y0 < f.top-4 || b.y1 > f.bottom-1 {
			continue
		}
		covered := 0.
		for _, other := range *o {
			covered += b.hidden(other)
		}
		if least < 0 || covered < least {
			best, least = b, covered
		}
	}
	if least < 0 {
		return at, false
	}
	*o = append(*o, best)
	return point{(best.x0 + best.x1) / 2, best.y1 - high*0.14}, true
}
