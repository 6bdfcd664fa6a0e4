package cpu

import "github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"

// gradHalf is a half of the tokens of a weight gradient, or all of them. Two threads that take a half
// each pack every activation once between them, and two that take half of the wide side pack the
// narrow one twice. The first half adds to the gradient itself. There are two halves for one thread
// as well: the sums are the same for every number of threads.
type gradHalf struct {
	from, to   int       // tokens
	grad, bias []float32 // what it adds to; no bias: nil
	sums       []float32 // of the bias, for each token of a line
}

// halvedChunks is from how many chunks of tokens on there are halves: adding the second to the first is
// little beside them.
const halvedChunks = 8

// startHalves cuts the tokens between two chunks. A dense gradient would be a lot to add, and its
// narrow side's packing is little beside it.
func (o *gradOp) startHalves() {
	o.split = 1
	first, second := &o.halves[0], &o.halves[1]
	first.from, first.to, first.grad, first.bias = 0, o.t, o.q.grad.f, o.bias
	if n := chunks(o.t, o.chunk); o.q.topo != nil && n >= o.b.halveFrom {
		o.split = 2
		first.to = n / 2 * o.chunk
		second.from, second.to = first.to, o.t
		second.grad, second.bias = grow(second.grad, len(first.grad)), grow(second.bias, len(first.bias))
		clear(second.grad)
		clear(second.bias)
	}
	for i := range o.halves[:o.split] {
		if h := &o.halves[i]; o.bias != nil && o.layout == byToken {
			h.sums = grow(h.sums, chunks(o.dy.n, kernel.PanelWidth)*kernel.PanelWidth*o.tokensOfLine())
			clear(h.sums)
		}
	}
}

// join adds what the halves have apart to the gradients.
func (o *gradOp) join() {
	if o.split == 2 {
		o.b.k.Axpy(o.q.grad.f, 1, o.halves[1].grad)
		if o.bias != nil {
			o.b.k.Axpy(o.bias, 1, o.halves[1].bias)
		}
	}
	if o.bias == nil || o.layout == byColumn {
		return
	}
	m := o.tokensOfLine()
	for _, h := range o.halves[:o.split] {
		for c := range o.bias {
			for _, v := range h.sums[c*m : (c+1)*m] {
				o.bias[c] += v
			}
		}
	}
}
