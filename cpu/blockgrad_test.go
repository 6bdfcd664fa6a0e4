package cpu_test

import (
	"math"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
)

// The scores are norms of gradients of all tokens. Sums of the norms of the chunks' gradients are
// other numbers for most blocks, and the test makes sure that it would see those.
func TestBlockGradL1OfSeveralChunks(t *testing.T) {
	const several = 2*cpu.MostChunk + 35
	var cases []*normCase
	for _, c := range [][4]int{
		{21, 37, several, 1}, {37, 21, several, 1}, {20, 36, several, 4}, {36, 20, several, 4}, {24, 40, several, 8}, {40, 24, several, 8},
		{48, 80, several, 16}, {96, 32, several, 32}, {64, 128, several, 64}, {136, 120, 1801, 8},
	} {
		x := &normCase{gradCase: newGradCase(t, c[0], c[1], c[2], c[3], 1)}
		x.before = draw(4, x.topo.Positions())
		x.norms()
		seen := 0
		for i, v := range x.ofChunks {
			if !(math.Abs(v-x.l1[i]) <= x.tol[i]) {
				seen++
			}
		}
		if seen < (len(x.l1)+1)/2 {
			t.Errorf("%v: norms of chunks: found %d of %d outside the tolerance, expected half or more", x, seen, len(x.l1))
		}
		cases = append(cases, x)
	}
	paths := cpu.Paths()
	if testing.Short() {
		paths = paths[len(paths)-1:]
	}
	for _, path := range paths {
		t.Run(path.String(), func(t *testing.T) {
			first := make([][]float32, len(cases))
			for _, threads := range []int{1, 2, 3, 5} {
				b := opener(threads, path)(t)
				fillScratchWithNaN(t, b)
				for i, c := range cases {
					got := c.run(t, b)
					if first[i] == nil {
						first[i] = got
					}
					if !slices.Equal(got, first[i]) {
						t.Errorf("%v: 1 and %d threads: found different bits, expected equal ones", c, threads)
					}
				}
				b.Close()
			}
		})
	}
}

// normCase is a gradient whose scores are added to others.
type normCase struct {
	*gradCase
	before       []float32
	l1, ofChunks []float64 // the norm of each block, and the sum of the norms of the chunks' gradients
	tol          []float64 // how far a score may be from before and l1
}

func (c *normCase) run(t *testing.T, b backend.Backend) []float32 {
	w := b.NewParam(backend.ParamSpec{Name: "w", Out: c.out, In: c.in, Topology: c.topo})
	b.WriteFloats(b.GrowScores(w), 0, c.before)
	b.BlockGradL1(w, withNaN(b, c.dy, 32*c.out), withNaN(b, c.x, 32*c.in), c.tokens)
	got := make([]float32, len(c.l1))
	if err := b.ReadFloats(got, b.GrowScores(w), 0); err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		if want := float64(c.before[i]) + c.l1[i]; !(math.Abs(float64(v)-want) <= c.tol[i]) {
			t.Fatalf("%v: score %d: found %v, expected %v within %.2g", c, i, v, want, c.tol[i])
		}
	}
	return got
}

// norms works out what is expected.
func (c *normCase) norms() {
	shape := c.topo.Shape
	n := shape.Positions()
	c.l1, c.ofChunks, c.tol = make([]float64, n), make([]float64, n), make([]float64, n)
	x, dy := transpose(c.x, c.tokens, c.in), transpose(c.dy, c.tokens, c.out)
	for o := range c.out {
		for i := range c.in {
			at := o/c.block*shape.BlockCols() + i/c.block
			var sum, size, part float64
			for r := range c.tokens {
				p := float64(dy[o*c.tokens+r]) * float64(x[i*c.tokens+r])
				sum += p
				size += math.Abs(p)
				if part += p; r%cpu.MostChunk == cpu.MostChunk-1 || r == c.tokens-1 {
					c.ofChunks[at] += math.Abs(part)
					part = 0
				}
			}
			c.l1[at] += math.Abs(sum)
			// The error of the element, then those of adding the block's up, rows to a score.
			c.tol[at] += float64(c.tokens+2)/(1<<24)*size + float64(c.block*c.block+c.block+2)/(1<<24)*math.Abs(sum)
		}
	}
	for i, v := range c.before {
		c.tol[i] += float64(c.block+2) / (1 << 24) * math.Abs(float64(v))
	}
}
