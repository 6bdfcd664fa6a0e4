package backendtest

import (
	"fmt"
	"math"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// noPacker says why a backend is not looked at, "" when it is.
func noPacker(b backend.Backend) string {
	if b.Capabilities().Packer == nil {
		return fmt.Sprintf("the backend %s has no backend.Packer", b.Name())
	}
	return ""
}

// packCase is a vector and two buffers with parts of it, whose places are odd.
type packCase struct {
	b      backend.Backend
	v      backend.Buffer
	x      [2]backend.Buffer
	parts  []backend.Part
	vector []float32 // what v holds
	lists  [2][]float32
}

// newPackCase draws one on b.
func newPackCase(b backend.Backend, name string) *packCase {
	d := newDraws(name, backend.F32)
	c := &packCase{b: b, vector: d.reals(15_000, 1), lists: [2][]float32{d.reals(9_000, 1), d.reals(4_200, 1)}}
	put := func(name string, list []float32) backend.Buffer {
		x := b.Alloc(name, backend.F32, len(list))
		b.WriteFloats(x, 0, list)
		return x
	}
	c.v, c.x = put("v", c.vector), [2]backend.Buffer{put("x", c.lists[0]), put("y", c.lists[1])}
	c.parts = []backend.Part{
		{X: c.x[0], From: 0, N: 8_999, At: 3}, {X: c.x[1], From: 5, N: 4_097, At: 9_002}, {X: c.x[1], From: 0, N: 0, At: 9_002},
		{X: c.x[0], From: 8_999, N: 1, At: 13_100}, {X: c.x[1], From: 1, N: 3, At: 14_000},
	}
	return c
}

// each calls use for each element of the parts: its place in the vector, and the buffer and its place there.
func (c *packCase) each(use func(at, list, i int)) {
	for _, p := range c.parts {
		for i := range p.N {
			use(p.At+i, slices.Index(c.x[:], p.X), p.From+i)
		}
	}
}

// compare compares all that is on the device with what is expected.
func (c *packCase) compare() error {
	for _, x := range []struct {
		b    backend.Buffer
		want []float32
	}{{c.v, c.vector}, {c.x[0], c.lists[0]}, {c.x[1], c.lists[1]}} {
		found := make([]float32, len(x.want))
		if err := c.b.ReadFloats(found, x.b, 0); err != nil {
			return err
		}
		if err := equalBits(x.b.Name(), found, x.want); err != nil {
			return err
		}
	}
	return nil
}

func packerChecks() []check {
	moves := func(name string, do func(p backend.Packer, c *packCase), want func(c *packCase)) check {
		return check{name: name, whole: func(b, _ backend.Backend) error {
			c := newPackCase(b, name)
			for range 2 { // with the table of the first time
				do(b.Capabilities().Packer, c)
				want(c)
				if err := c.compare(); err != nil {
					return err
				}
			}
			return b.Sync()
		}}
	}
	return []check{
		moves("pack", func(p backend.Packer, c *packCase) { p.Pack(c.v, c.parts, false) }, func(c *packCase) {
			c.each(func(at, list, i int) { c.vector[at] = c.lists[list][i] })
		}),
		moves("add", func(p backend.Packer, c *packCase) { p.Pack(c.v, c.parts, true) }, func(c *packCase) {
			c.each(func(at, list, i int) { c.vector[at] += c.lists[list][i] })
		}),
		moves("unpack", func(p backend.Packer, c *packCase) { p.Unpack(c.v, c.parts[:4]) }, func(c *packCase) {
			c.parts = c.parts[:4] // the last one overlaps the second
			c.each(func(at, list, i int) { c.lists[list][i] = c.vector[at] })
		}),
		moves("add vectors", func(p backend.Packer, c *packCase) {
			p.AddVector(c.v, 1, c.x[0], 2, 8_998)
			p.AddVector(c.v, 9_500, c.v, 4_403, 5_097)
			p.AddVector(c.v, 15_000, c.x[1], 0, 0)
		}, func(c *packCase) {
			for i := range 8_998 {
				c.vector[1+i] += c.lists[0][2+i]
			}
			for i := range 5_097 {
				c.vector[9_500+i] += c.vector[4_403+i]
			}
		}),
		{name: "sums of squares", whole: squares},
		{name: "addresses", whole: func(b, _ backend.Backend) error {
			c := newPackCase(b, "addresses")
			p := b.Capabilities().Packer
			device := p.UUID()
			if at, later := p.Address(c.v, 0), p.Address(c.v, 11); at == 0 || later != at+44 || device != p.UUID() {
				return fmt.Errorf("found %#x and %#x, expected 44 bytes between them", at, later)
			}
			if first, second := p.Mark(0), p.Mark(1); first == 0 || second == 0 || first == second || p.Mark(0) != first {
				return fmt.Errorf("found marks %d and %d, expected two", first, second)
			}
			return b.Sync()
		}},
	}
}

// squares compares sums with plain ones, and those of the same numbers at other places with each other.
func squares(b, _ backend.Backend) error {
	list := newDraws("squares", backend.F32).reals(backend.ShardUnit, 1)
	for _, n := range []int{0, 1, 3, 257, 4097, backend.ShardUnit} {
		v := b.Alloc("v", backend.F32, 3*n+7)
		spans := [][2]int{{1, 1 + n}, {1 + n, 4 + n}, {6 + n, 6 + 2*n}}
		for _, at := range []int{1, 6 + n} {
			b.WriteFloats(v, at, list[:n])
		}
		b.WriteFloats(v, 1+n, []float32{3, -1, 2, 9, 9})
		sums := make([]float64, 3)
		if err := b.Capabilities().Packer.SumSquares(sums, v, spans); err != nil {
			return err
		}
		want := 0.0
		for _, x := range list[:n] {
			want += float64(x) * float64(x)
		}
		switch {
		case !(math.Abs(sums[0]-want) <= float64(n)*0x1p-52*want):
			return fmt.Errorf("%d squares: found the sum %v, expected %v", n, sums[0], want)
		case sums[1] != 14:
			return fmt.Errorf("found the sum %v of small integers, expected 14", sums[1])
		case math.Float64bits(sums[0]) != math.Float64bits(sums[2]):
			return fmt.Errorf("%d squares: found %v and %v at two places, expected the same bits", n, sums[0], sums[2])
		}
	}
	return b.Sync()
}
