package kernel

import (
	"fmt"
	"testing"
)

// Whole squares of 16 and of 8, their edges on one side and on both, and less than a square.
func TestTransposeIsExact(t *testing.T) {
	sizes := [][2]int{
		{0, 5}, {5, 0}, {1, 1}, {7, 9}, {8, 8}, {8, 3}, {3, 8}, {16, 24}, {17, 25}, {24, 40}, {33, 15},
		{16, 16}, {16, 8}, {8, 16}, {16, 7}, {7, 16}, {32, 48}, {48, 32}, {31, 47}, {33, 17}, {24, 24}, {25, 23}, {64, 64}, {16, 100}, {100, 16},
	}
	eachPath(t, func(t *testing.T, k *Set) {
		for _, s := range sizes {
			for _, gap := range [][2]int{{0, 0}, {3, 2}, {16, 32}} {
				rows, cols := s[0], s[1]
				lds, ldd := cols+gap[0], rows+gap[1]
				n := max(0, (rows-1)*lds+cols) // not one element more than what is read
				src := random(n, 6)
				for name, transpose := range map[string]func(dst []float32, ldd int, src []float32, lds int, rows, cols int){
					"Transpose": k.Transpose, "TransposeNonTemporal": k.TransposeNonTemporal,
				} {
					for _, off := range []int{0, 3} { // with and without whole cache lines
						what := fmt.Sprintf("%s, %d x %d, strides %d and %d, from %d", name, rows, cols, lds, ldd, off)
						dst, check := guardedAt(t, max(0, (cols-1)*ldd+rows), off)
						transpose(dst, ldd, src, lds, rows, cols)
						k.Fence()
						check(what)
						for i, v := range dst {
							want := float32(mark)
							if c, r := i/ldd, i%ldd; r < rows {
								want = src[r*lds+c]
							}
							if v != want {
								t.Fatalf("%s: column %d, row %d: found %v, expected %v", what, i/ldd, i%ldd, v, want)
							}
						}
					}
				}
			}
		}
	})
}

func TestCopy16IsExact(t *testing.T) {
	eachPath(t, func(t *testing.T, k *Set) {
		for _, rows := range []int{0, 1, 7} {
			src := random(max(0, (rows-1)*19+16), 7)
			dst, check := guarded(t, rows*17)
			k.Copy16(dst, 17, src, 19, rows)
			check("Copy16")
			for i, v := range dst {
				want := float32(mark)
				if r, j := i/17, i%17; j < 16 {
					want = src[r*19+j]
				}
				if v != want {
					t.Fatalf("row %d of %d, column %d: found %v, expected %v", i/17, rows, i%17, v, want)
				}
			}
		}
	})
}

// inPanel returns where row r, column c of the activations is in a panel.
func inPanel(r, c int) int { return c/PanelWidth*PanelWidth*TileRows + r*PanelWidth + c%PanelWidth }

// panelSize is the number of elements of a panel of cols columns.
func panelSize(cols int) int { return (cols + PanelWidth - 1) / PanelWidth * PanelWidth * TileRows }

// Each element goes to its place, and the places of other rows and columns stay as they were: a
// panel may have rows already.
func TestPanelIsExact(t *testing.T) {
	eachPath(t, func(t *testing.T, k *Set) {
		for _, rows := range []int{0, 1, 2, 3, 4, 5, 7, 8, 11, 23, 24} {
			for _, cols := range []int{1, 15, 16, 17, 31, 32, 48, 50} {
				for _, gap := range []int{0, 1, 5} {
					what := fmt.Sprintf("%d rows, %d columns, stride %d", rows, cols, cols+gap)
					lds := cols + gap
					src := random(max(0, (rows-1)*lds+cols), 8)
					want := make([]float32, panelSize(cols))
					for i := range want {
						want[i] = mark
					}
					for r := range rows {
						for c := range cols {
							want[inPanel(r, c)] = src[r*lds+c]
						}
					}
					dst, check := guarded(t, len(want))
					k.PackPanel(dst, src, lds, rows, cols)
					check(what)
					for i, v := range dst {
						if v != want[i] {
							t.Fatalf("%s: element %d: found %v, expected %v", what, i, v, want[i])
						}
					}
				}
			}
		}
	})
}
