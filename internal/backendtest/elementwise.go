package backendtest

import (
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

var elementCounts = []int{1, 3, 7, 8, 33, 130, 1031}

func tanhChecks() []check {
	var list []check
	for _, n := range elementCounts {
		for _, inPlace := range []bool{false, true} {
			list = append(list, check{name: fmt.Sprintf("n=%d/in place=%v", n, inPlace), prepare: func(d *draws) (script, bounds) {
				x := d.reals(n, 4)
				for i := range x {
					switch i % 9 {
					case 3:
						x[i] = 0
					case 5:
						x[i] *= 30 // saturated
					case 7:
						x[i] /= 4096 // nearly linear
					}
				}
				x = d.rounded(x)
				run := func(r *harness) {
					if inPlace {
						y := r.inout("y", x)
						r.b.Tanh(y, y, n)
						return
					}
					r.b.Tanh(r.output("y", n), r.input("x", x), n)
				}
				return run, func(ref *harness) {
					y := ref.value("y")
					ref.allow("y", func(i int) float64 { return d.limit("tanh", 0, y[i]) + d.stored(y[i]) })
				}
			}})
		}
	}
	return list
}

// slopeChecks are those of dx = dy f'(a), whose output may be either input.
func slopeChecks(scale float64, op func(b backend.Backend, dx, dy, a backend.Buffer, n int), row string, size func(dy, a float64) float64) []check {
	var list []check
	for _, n := range elementCounts {
		for _, alias := range []string{"", "dy", "a"} {
			list = append(list, check{name: fmt.Sprintf("n=%d/dx is %q", n, alias), prepare: func(d *draws) (script, bounds) {
				dy, a := d.reals(n, 2), d.reals(n, scale)
				run := func(r *harness) {
					switch alias {
					case "dy":
						dx := r.inout("dx", dy)
						op(r.b, dx, dx, r.input("a", a), n)
					case "a":
						dx := r.inout("dx", a)
						op(r.b, dx, r.input("dy", dy), dx, n)
					default:
						op(r.b, r.output("dx", n), r.input("dy", dy), r.input("a", a), n)
					}
				}
				return run, func(ref *harness) {
					dx := ref.value("dx")
					ref.allow("dx", func(i int) float64 {
						return d.limit(row, 0, size(float64(dy[i]), float64(a[i]))) + d.stored(dx[i])
					})
				}
			}})
		}
	}
	return list
}

func tanhGradChecks() []check {
	return slopeChecks(1, func(b backend.Backend, dx, dy, y backend.Buffer, n int) { b.TanhGrad(dx, dy, y, n) },
		"tanh slope", func(dy, y float64) float64 { return math.Abs(dy) * (1 + y*y) })
}

func geluGradChecks() []check {
	return slopeChecks(5, func(b backend.Backend, dx, dy, pre backend.Buffer, n int) { b.GELUGrad(dx, dy, pre, n) },
		"gelu slope", func(dy, _ float64) float64 { return math.Abs(dy) })
}
