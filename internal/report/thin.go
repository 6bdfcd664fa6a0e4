package report

// thin keeps at most most of a curve's points (but 4 at least): the first, the
// last, and of each of equal runs of points between them the lowest and the
// highest, in their order. Where a curve has a gap (a value that is not finite),
// the run keeps one.
func thin(points []point, most int) []point {
	most = max(most, 4)
	if len(points) <= most {
		return points
	}
	inner := points[1 : len(points)-1]
	runs := (most - 2) / 3
	if runs < 1 {
		runs = 1
	}
	out := make([]point, 0, most)
	out = append(out, points[0])
	for i := range runs {
		run := inner[i*len(inner)/runs : (i+1)*len(inner)/runs]
		lo, hi, gap := -1, -1, -1
		for k, p := range run {
			switch {
			case !finite(p.x) || !finite(p.y):
				gap = k
			case lo < 0:
				lo, hi = k, k
			case p.y < run[lo].y:
				lo = k
			case p.y > run[hi].y:
				hi = k
			}
		}
		out = appendInOrder(out, run, lo, hi, gap)
	}
	return append(out, points[len(points)-1])
}

// appendInOrder appends the points at the given places, each once, in order;
// negative places are none.
func appendInOrder(out, run []point, places ...int) []point {
	last := -1
	for range places {
		next := -1
		for _, p := range places {
			if p > last && (next < 0 || p < next) {
				next = p
			}
		}
		if next < 0 {
			break
		}
		out = append(out, run[next])
		last = next
	}
	return out
}
