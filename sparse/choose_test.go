package sparse

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/philox"
)

// chooseValues draws a dense tensor with ties in it.
func chooseValues(s Shape, seed uint64) []float32 {
	r := philox.NewStream(seed, philox.TestData, 0, 0)
	out := make([]float32, s.Out*s.In)
	for i := range out {
		out[i] = float32(r.IntN(7)-3) / 4
	}
	return out
}

// Choices against their definitions: every block with its own key, all sorted. Ties
// of norms are many.
func TestChoose(t *testing.T) {
	for _, s := range []Shape{{12, 20, 1}, {12, 20, 4}, {64, 32, 16}, {64, 64, 64}} {
		for _, nnzb := range []int{1, s.Positions()/3 + 1, s.Positions()} {
			values := chooseValues(s, uint64(s.Block))
			for _, norm := range []Norm{L1, L2, LInf} {
				type block struct {
					size float64
					p    int
				}
				blocks := make([]block, s.Positions())
				for p := range blocks {
					blocks[p].p = p
					for e := range s.BlockSize() {
						row, col := p/s.BlockCols()*s.Block+e/s.Block, p%s.BlockCols()*s.Block+e%s.Block
						x := math.Abs(float64(values[row*s.In+col]))
						switch norm { // quarters: exact in float32 in any order
						case L1:
							blocks[p].size += x
						case L2:
							blocks[p].size += x * x
						default:
							blocks[p].size = max(blocks[p].size, x)
						}
					}
				}
				slices.SortFunc(blocks, func(a, b block) int {
					key := func(p int) uint64 { return philox.Key64(5, philox.StartTopo, uint32(p), 0, 2) }
					return cmp.Or(-cmp.Compare(a.size, b.size), cmp.Compare(key(a.p), key(b.p)))
				})
				var want []int
				for _, b := range blocks[:nnzb] {
					want = append(want, b.p)
				}
				slices.Sort(want)
				got, err := ChooseMagnitude.Choose(ChoiceSpec{Shape: s, NNZ: nnzb, Norm: norm, Seed: 5, Number: 3, Tensor: 2}, values)
				if err != nil || got.Check() != nil || !slices.Equal(positionsOf(got), want) {
					t.Errorf("%+v, %d blocks by %s: found %v (%v), expected %v", s, nnzb, norm, got, err, want)
				}
			}
			keys := make([]uint64, s.Positions())
			for p := range keys {
				keys[p] = philox.Key64(5, philox.Regrow, uint32(p), 3, 2)
			}
			order := slices.SortedFunc(slices.Values(allPositions(s)), func(a, b int) int { return cmp.Compare(keys[a], keys[b]) })
			want := slices.Sorted(slices.Values(order[:nnzb]))
			if got, err := ChooseRandom.Choose(ChoiceSpec{Shape: s, NNZ: nnzb, Seed: 5, Number: 3, Tensor: 2}, nil); err != nil || got.Check() != nil || !slices.Equal(positionsOf(got), want) {
				t.Errorf("%+v, %d blocks at random: found %v (%v), expected %v", s, nnzb, got, err, want)
			}
			start, err := StartTopology(s, nnzb, 5, 2)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := ChooseFixed.Choose(ChoiceSpec{Shape: s, NNZ: nnzb, Seed: 5, Number: 3, Tensor: 2}, nil); err != nil || !got.Equal(start) {
				t.Errorf("%+v, %d blocks, fixed: found %v (%v), expected the start", s, nnzb, got, err)
			}
		}
	}
}

func allPositions(s Shape) []int {
	out := make([]int, s.Positions())
	for i := range out {
		out[i] = i
	}
	return out
}

func positionsOf(t *Topology) []int {
	if t == nil {
		return nil
	}
	var out []int
	for slot := range t.NNZ() {
		out = append(out, t.Position(slot))
	}
	return out
}

func TestChooseRefuses(t *testing.T) {
	s := Shape{8, 8, 4}
	bad := make([]float32, 64)
	bad[63] = float32(math.NaN())
	for name, c := range map[string]struct {
		choice  Choice
		shape   Shape
		nnzb, n int
		values  []float32
		want    error
	}{
		"shape":  {ChooseFixed, Shape{8, 7, 4}, 1, 1, nil, ErrShape},
		"none":   {ChooseRandom, s, 0, 1, nil, ErrArgument},
		"many":   {ChooseRandom, s, 5, 1, nil, ErrArgument},
		"number": {ChooseRandom, s, 1, 0, nil, ErrArgument},
		"choice": {9, s, 1, 1, nil, ErrArgument},
		"values": {ChooseMagnitude, s, 1, 1, bad[:3], ErrArgument},
		"nan":    {ChooseMagnitude, s, 1, 1, bad, ErrNotFinite},
	} {
		if _, err := c.choice.Choose(ChoiceSpec{Shape: c.shape, NNZ: c.nnzb, Seed: 1, Number: c.n}, c.values); !errors.Is(err, c.want) {
			t.Errorf("%s: found %v, expected %v", name, err, c.want)
		}
	}
	if got := fmt.Sprint(ChooseFixed, ChooseRandom, ChooseMagnitude, Choice(9)); got != "fixed random magnitude unknown choice 9" {
		t.Errorf("found %s", got)
	}
}
