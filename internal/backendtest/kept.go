package backendtest

import (
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// keptCase is a forward operation that may keep its mask of dropout and the backward
// that may read it.
type keptCase struct {
	name          string
	rows, columns int
	wanted        func(row, column int) bool // the backward needs the bit
	drop          dropCase
	// forward and backward queue the operations with a dropout. The outputs of backward
	// are compared.
	forward, backward func(r *harness, d backend.Dropout)
}

// keptFrom says where a backward finds what dropout kept.
type keptFrom int

const (
	drawnAgain  keptFrom = iota // nowhere
	fromForward                 // where the forward operation left it
	fromDefined                 // in bits made from the contract's definition
)

// play runs the backward on b with bits from that place. Bits that mean nothing are random.
func (c keptCase) play(b backend.Backend, from keptFrom) (*harness, error) {
	noise := newDraws(c.name, b.Activation())
	words := backend.KeptWords(c.columns)
	bits := make([]int32, c.rows*words)
	for i, v := range noise.uniform(2*len(bits), 1) {
		bits[i/2] ^= int32(v*(1<<20)) << (16 * (i % 2))
	}
	if from == fromDefined {
		for row := range c.rows {
			for column := range c.columns {
				if !c.wanted(row, column) {
					continue
				}
				at, bit := row*words+column/32, int32(1)<<(column%32)
				if bits[at] &^= bit; c.drop.keep(row*c.columns+column) != 0 {
					bits[at] |= bit
				}
			}
		}
	}
	r := newHarness(b)
	return r, r.play(func(r *harness) {
		r.b.BeginStep(c.drop.step())
		d := c.drop.Dropout
		if from != drawnAgain {
			d.Kept = r.ints("kept", bits)
		}
		if from == fromForward {
			c.forward(newHarness(b), d)
			if err := b.Sync(); err != nil {
				r.failure = err
				return
			}
		}
		c.backward(r, d)
	})
}

// keptChecks compare a backward that reads what dropout kept, from the forward and
// from the definition, with one that draws again: all bits are equal.
func keptChecks() []check {
	var list []check
	for _, c := range append(attnKeptCases(), normKeptCases()...) {
		list = append(list, check{name: c.name, whole: func(b, _ backend.Backend) error {
			want, err := c.play(b, drawnAgain)
			if err != nil {
				return err
			}
			for _, from := range []keptFrom{fromForward, fromDefined} {
				got, err := c.play(b, from)
				if err == nil {
					err = got.sameBits(want)
				}
				if err != nil {
					return fmt.Errorf("%s: %w", [...]string{"drawn again", "bits of the forward", "bits of the definition"}[from], err)
				}
			}
			return nil
		}})
	}
	return list
}

func attnKeptCases() (list []keptCase) {
	for _, c := range attnCases() {
		n := c.Batch * c.Seq * c.Heads * c.Head
		reals := func(r *harness, name string) backend.Buffer {
			return r.input(name, newDraws(name, r.b.Activation()).reals(n, 1))
		}
		list = append(list, keptCase{
			name: "Attention/" + c.String(), rows: c.Batch * c.Heads * c.Seq, columns: c.Seq, drop: c.drop,
			wanted: func(row, key int) bool { return key < int(c.lengths[row/(c.Heads*c.Seq)]) },
			forward: func(r *harness, d backend.Dropout) {
				r.b.Attention(r.output("ctx", n), r.rowOutput("lse", c.Batch*c.Heads*c.Seq),
					reals(r, "q"), reals(r, "k"), reals(r, "v"), r.ints("lengths", c.lengths), c.Attn, d)
			},
			backward: func(r *harness, d backend.Dropout) {
				lse := newDraws("lse", r.b.Activation()).uniform(c.Batch*c.Heads*c.Seq, 1)
				r.b.AttentionGrad(r.output("dq", n), r.output("dk", n), r.output("dv", n), reals(r, "dctx"),
					reals(r, "q"), reals(r, "k"), reals(r, "v"), reals(r, "ctx"), r.rowInput("lse", lse), r.ints("lengths", c.lengths), c.Attn, d)
			},
		})
	}
	return list
}

func normKeptCases() (list []keptCase) {
	for _, c := range normCases("") {
		n := c.tokens * c.h
		data := func(r *harness) (z, mean, rstd []float32, gamma, beta paramData) {
			d := newDraws(c.String(), r.b.Activation())
			z = c.rows(d, c.offset)
			mean, rstd = rowStatistics(z, c.h)
			return z, mean, rstd, d.dense("gamma", 1, c.h, 1), d.dense("beta", 1, c.h, 1)
		}
		list = append(list, keptCase{
			name: "AddNorm/" + c.String(), rows: c.tokens, columns: c.h, drop: c.drop,
			wanted: func(_, _ int) bool { return true },
			forward: func(r *harness, d backend.Dropout) {
				z, _, _, gamma, beta := data(r)
				r.b.AddNorm(r.output("y", n), r.output("z", n), r.rowOutput("mean", c.tokens), r.rowOutput("rstd", c.tokens),
					r.input("residual", z), r.input("sub", z), r.param(gamma), r.param(beta), c.tokens, d)
			},
			backward: func(r *harness, d backend.Dropout) {
				z, mean, rstd, gamma, beta := data(r)
				dy := newDraws("dy", r.b.Activation()).reals(n, 1)
				r.b.AddNormGrad(r.output("dresidual", n), r.output("dsub", n), r.input("dy", dy), r.input("z", z),
					r.rowInput("mean", mean), r.rowInput("rstd", rstd), r.param(gamma, "grad"), r.param(beta, "grad"), c.tokens, d)
			},
		})
	}
	return list
}
