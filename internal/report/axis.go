package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// axis is one direction of a chart.
type axis struct {
	label  string // with the unit
	log    bool
	zero   bool // begins at 0
	format func(float64) string
	lo, hi float64 // set by span
}

// shows says whether an axis can show a value.
func (a *axis) shows(v float64) bool { return finite(v) && (!a.log || v > 1e-300) }

// span sets the range to that of values, leaving out what cannot be drawn, with a
// little room. It says whether there is anything to draw.
func (a *axis) span(values func(yield func(float64) bool)) bool {
	lo, hi := math.Inf(1), math.Inf(-1)
	for v := range values {
		if a.shows(v) {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	if lo > hi {
		a.lo, a.hi = 1, 2
		return false
	}
	if a.log {
		room := max((math.Log(hi)-math.Log(lo))*0.04, 0.05)
		a.lo, a.hi = max(lo*math.Exp(-room), 1e-307), min(hi*math.Exp(room), math.MaxFloat64)
		return true
	}
	if a.zero {
		lo, hi = min(lo, 0), max(hi, 0)
	}
	if wide := hi/2 - lo/2; wide <= 1e-12*max(abs(lo), abs(hi)) || wide < 1e-300 { // one value, as far as can be drawn
		half := max(abs(lo)/2, 0.5)
		lo, hi = lo-half, hi+half
		if a.zero && lo < 0 {
			lo = 0
		}
	}
	room := hi/25 - lo/25
	a.hi = min(hi+room, math.MaxFloat64)
	a.lo = max(lo-room, -math.MaxFloat64)
	if a.zero && lo == 0 {
		a.lo = 0
	}
	return true
}

// place maps a value to 0..1, NaN where it cannot be drawn.
func (a *axis) place(v float64) float64 {
	if !a.shows(v) {
		return math.NaN()
	}
	if a.log {
		return (math.Log(v) - math.Log(a.lo)) / (math.Log(a.hi) - math.Log(a.lo))
	}
	return (v/2 - a.lo/2) / (a.hi/2 - a.lo/2) // halves: the width may be above the largest number
}

// ticks returns round values of the range, about n of them.
func (a *axis) ticks(n int) []float64 {
	if a.log {
		return a.logTicks(n)
	}
	if width := a.hi - a.lo; !finite(width) || width <= 0 {
		return nil
	}
	raw := (a.hi - a.lo) / float64(max(n, 1))
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	step := power * 10
	for _, m := range []float64{1, 2, 2.5, 5} {
		if raw <= m*power*1.0001 {
			step = m * power
			break
		}
	}
	if step == 0 || !finite(step) {
		return nil
	}
	var all []float64
	for i := math.Ceil(a.lo/step - 1e-9); i*step <= a.hi+step*1e-9 && len(all) < 50; i++ {
		all = append(all, i*step+0) // + 0: no -0
	}
	return all
}

// logTicks returns powers of ten, with 2 and 5 between, or all digits, where the
// range is short.
func (a *axis) logTicks(n int) []float64 {
	decades := math.Log10(a.hi) - math.Log10(a.lo)
	digits := []float64{1}
	switch {
	case decades < 0.9:
		linear := axis{lo: a.lo, hi: a.hi}
		return linear.ticks(n)
	case decades*3 <= float64(n)+1:
		digits = []float64{1, 2, 5}
	case decades*2 <= float64(n)+1:
		digits = []float64{1, 3}
	}
	every := max(1, int(math.Ceil(decades/float64(max(n, 1)))))
	var all []float64
	for e := int(math.Floor(math.Log10(a.lo))); e <= int(math.Ceil(math.Log10(a.hi))) && len(all) < 50; e++ {
		for _, d := range digits {
			if v := d * math.Pow(10, float64(e)); v >= a.lo && v <= a.hi && e%every == 0 {
				all = append(all, v)
			}
		}
	}
	return all
}

// plain writes a tick without needless digits.
func plain(v float64) string {
	if v != 0 && (math.Abs(v) >= 1e6 || math.Abs(v) < 1e-3) {
		return strconv.FormatFloat(v, 'e', -1, 32)
	}
	return strconv.FormatFloat(math.Round(v*1e9)/1e9, 'f', -1, 64)
}

// prefixes are those of powers of 1000.
var prefixes = []string{"", "k", "M", "G", "T", "P", "E", "Z", "Y"}

// metric writes a number with a prefix: 2.5G.
func metric(v float64) string {
	n := 0
	scaled := v
	for math.Abs(scaled) >= 999.95 && n < len(prefixes)-1 {
		scaled /= 1000
		n++
	}
	if !finite(v) || math.Abs(scaled) >= 1e4 || v != 0 && math.Abs(v) < 0.01 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	return strconv.FormatFloat(scaled, 'g', 4, 64) + prefixes[n]
}

// withUnit writes a number with a prefix before its unit: 2.5 GFLOP/s.
func withUnit(v float64, unit string) string {
	text := metric(v)
	digits := strings.TrimRight(text, strings.Join(prefixes, ""))
	return digits + " " + text[len(digits):] + unit
}

// percent writes a fraction.
func percent(v float64) string { return strconv.FormatFloat(100*v, 'g', 4, 64) + "%" }

// lossText writes a loss.
func lossText(v float64) string { return strconv.FormatFloat(v, 'f', 3, 64) }

// timeUnit chooses the unit of an axis of seconds up to most.
func timeUnit(most float64) (unit string, seconds float64) {
	switch {
	case most >= 3*86400:
		return "days", 86400
	case most >= 3*3600:
		return "hours", 3600
	case most >= 180:
		return "minutes", 60
	}
	return "seconds", 1
}

// duration writes seconds for people.
func duration(seconds float64) string {
	unit, size := timeUnit(seconds)
	if size == 1 {
		return fmt.Sprintf("%.3g s", seconds)
	}
	return fmt.Sprintf("%.1f %s", seconds/size, unit)
}

// byteText writes a size.
func byteText(bytes float64) string {
	for i, unit := range []string{"GiB", "MiB", "KiB"} {
		if size := float64(int(1) << (30 - 10*i)); bytes >= size {
			return strconv.FormatFloat(bytes/size, 'f', 1, 64) + " " + unit
		}
	}
	return strconv.FormatFloat(bytes, 'f', 0, 64) + " B"
}
