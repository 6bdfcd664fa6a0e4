package sparse_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// encoder returns the six sparse weights of one BERT layer.
func encoder(h, f, block int) []sparse.Shape {
	square := sparse.Shape{Out: h, In: h, Block: block}
	return []sparse.Shape{square, square, square, square, {Out: f, In: h, Block: block}, {Out: h, In: f, Block: block}}
}

func TestUniform(t *testing.T) {
	got, err := sparse.Distribute(encoder(768, 3072, 16), 1-0.9, sparse.Uniform)
	if err != nil {
		t.Fatal(err)
	}
	// 0.1 * 48*48 = 230.4; 0.1 * 192*48 = 921.6.
	if want := []int{230, 230, 230, 230, 922, 922}; !slices.Equal(got, want) {
		t.Errorf("nnzb %v, want %v", got, want)
	}
}

// With no tensor over capacity the ERK counts can be worked out: weights
// (Out+In)/(Out In) times Out In are Out+In, 2H for a square and 5H for a FFN
// weight, so of 2764.8 -> 2765 blocks a square gets 2/18 and a FFN weight 5/18.
func TestERKByHand(t *testing.T) {
	got, err := sparse.Distribute(encoder(768, 3072, 16), 1-0.9, sparse.ERK)
	if err != nil {
		t.Fatal(err)
	}
	// 2765 * 2/18 = 307.22, 2765 * 5/18 = 768.06: floors sum to 2764, and the
	// one block left goes to the first square.
	if want := []int{308, 307, 307, 307, 768, 768}; !slices.Equal(got, want) {
		t.Errorf("nnzb %v, want %v", got, want)
	}
}

func TestERKCapsAtTheTensor(t *testing.T) {
	shapes := []sparse.Shape{{Out: 2, In: 2, Block: 1}, {Out: 100, In: 100, Block: 1}, {Out: 40, In: 100, Block: 1}}
	// Weights Out+In are 4, 200, 140. d = 0.5 asks for 7002 blocks: eps =
	// 7002/344 = 20.4 asks 81 of the first's 4, so it is full; then eps =
	// 6998/340 = 20.58 gives 4116.47 and 2881.53.
	got, err := sparse.Distribute(shapes, 0.5, sparse.ERK)
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{4, 4116, 2882}; !slices.Equal(got, want) {
		t.Errorf("nnzb %v, want %v", got, want)
	}
	// d = 0.8: eps = 11199/340 = 32.9 asks 4611 of the third's 4000, so it is
	// full in the second round.
	if got, err = sparse.Distribute(shapes, 0.8, sparse.ERK); err != nil {
		t.Fatal(err)
	}
	if want := []int{4, 7199, 4000}; !slices.Equal(got, want) {
		t.Errorf("nnzb %v, want %v", got, want)
	}
}

func TestDistributeProperties(t *testing.T) {
	s := philox.NewStream(8, philox.TestData, 1, 0)
	full, mixed := 0, 0
	for range 3000 {
		block := sparse.BlockSizes()[s.IntN(6)]
		shapes := make([]sparse.Shape, 1+s.IntN(6))
		positions := 0
		for i := range shapes {
			shapes[i] = sparse.Shape{Out: block * (1 + s.IntN(30)), In: block * (1 + s.IntN(30)), Block: block}
			positions += shapes[i].Positions()
		}
		density := []float64{s.Float64(), 1 - s.Float64()*0.1, 1}[s.IntN(3)]
		if density == 0 {
			continue
		}
		for _, d := range []sparse.Distribution{sparse.Uniform, sparse.ERK} {
			nnzb, err := sparse.Distribute(shapes, density, d)
			var none *sparse.EmptyTensorError
			if errors.As(err, &none) {
				again, err := sparse.Distribute(shapes, none.Enough, d)
				var other *sparse.EmptyTensorError
				if err != nil && !(errors.As(err, &other) && other.Index != none.Index) {
					t.Fatalf("%v of %v at the density said to be enough for tensor %d: %v, %v",
						d, shapes, none.Index, again, err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			total := 0
			for i, n := range nnzb {
				if n < 1 || n > shapes[i].Positions() {
					t.Fatalf("%v, density %v of %v: %v leaves the tensors' capacity", d, density, shapes, nnzb)
				}
				total += n
				if n == shapes[i].Positions() && density < 0.9 && shapes[i].Positions() > 1 {
					full++
				}
			}
			if want := int(math.Round(density * float64(positions))); d == sparse.ERK && total != want {
				t.Fatalf("erk, density %v of %v: %v has %d blocks, want %d", density, shapes, nnzb, total, want)
			}
			if d == sparse.ERK {
				mixed++
				checkProportional(t, shapes, nnzb)
			}
		}
	}
	if full < 50 || mixed < 1000 {
		t.Errorf("only %d capped tensors and %d ERK cases", full, mixed)
	}
}

// checkProportional checks that the tensors below capacity have blocks in the
// proportion Out+In, to within the one block that rounding moves, and that a
// full one was owed as much.
func checkProportional(t *testing.T, shapes []sparse.Shape, nnzb []int) {
	t.Helper()
	for i, a := range shapes {
		for j, b := range shapes {
			perA, perB := float64(a.Out+a.In), float64(b.Out+b.In)
			if nnzb[j] == b.Positions() {
				continue // j may be owed more than it has
			}
			// i has at most what j's rate owes it, and exactly that below capacity.
			owed := float64(nnzb[j]) / perB * perA
			slack := 1 + perA/perB
			if !(float64(nnzb[i]) <= owed+slack) || nnzb[i] < a.Positions() && !(float64(nnzb[i]) >= owed-slack) {
				t.Fatalf("erk of %v: %v; tensor %d has %d, tensor %d owes it %.2f", shapes, nnzb, i, nnzb[i], j, owed)
			}
		}
	}
}

// Tensors of different block sizes share elements, each rounded to its blocks.
func TestERKOfSeveralBlockSizes(t *testing.T) {
	shapes := []sparse.Shape{{Out: 64, In: 64, Block: 4}, {Out: 64, In: 64, Block: 16}}
	got, err := sparse.Distribute(shapes, 0.25, sparse.ERK)
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{64, 4}; !slices.Equal(got, want) {
		t.Errorf("nnzb %v, want %v", got, want)
	}
}

func TestDistributeRefuses(t *testing.T) {
	shapes := encoder(64, 256, 16)
	for _, density := range []float64{0, -0.1, 1.01, math.NaN(), math.Inf(1)} {
		if _, err := sparse.Distribute(shapes, density, sparse.Uniform); !errors.Is(err, sparse.ErrArgument) {
			t.Errorf("density %v: found error %v, want ErrArgument", density, err)
		}
	}
	if _, err := sparse.Distribute(shapes, 0.5, 2); !errors.Is(err, sparse.ErrArgument) {
		t.Errorf("unknown distribution: found error %v, want ErrArgument", err)
	}
	bad := append(slices.Clone(shapes), sparse.Shape{Out: 3, In: 4, Block: 4})
	if _, err := sparse.Distribute(bad, 0.5, sparse.ERK); !errors.Is(err, sparse.ErrShape) || !strings.Contains(err.Error(), "tensor 6") {
		t.Errorf("bad shape: found error %v, want ErrShape of tensor 6", err)
	}
	// 16 blocks a square: 0.5/16 rounds to one block, less to none.
	_, err := sparse.Distribute(shapes, 0.031, sparse.Uniform)
	if want := "tensor without an active block: tensor 0: found density 0.031, expected at least 0.03125"; err == nil || err.Error() != want {
		t.Errorf("found error %v, want %q", err, want)
	}
	if !errors.Is(err, sparse.ErrEmptyTensor) {
		t.Errorf("found error %v, want ErrEmptyTensor", err)
	}
	if got, err := sparse.Distribute(nil, 0.5, sparse.ERK); err != nil || len(got) != 0 {
		t.Errorf("no tensors: found %v, %v, want none", got, err)
	}
}
