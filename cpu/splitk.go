package cpu

import "github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"

// partialGrad is a split-K partial of a weight gradient: the sums over half of the tokens, or over
// all of them. Two threads that take half of the tokens each pack every activation once
// between them. Two that take half of the larger operand's columns pack the smaller one
// twice. The first partial is the gradient itself. One thread has two partials as well: the sums
// are the same for every number of threads.
type partialGrad struct {
	from, to   int       // tokens
	grad, bias []float32 // what it adds to; no bias: nil
	sums       []float32 // of the bias, for each token of a line
}

// splitKChunks is from how many chunks of tokens on there are two partials: adding the second to
// the first is little beside them.
const splitKChunks = 8

// startPartials splits the tokens between two chunks. A dense gradient has one partial: it would
// be much to add, and packing its smaller operand is little beside the rest.
func (o *gradOp) startPartials() {
	o.split = 1
	first, second := &o.partials[0], &o.partials[1]
	first.from, first.to, first.grad, first.bias = 0, o.t, o.q.grad.f, o.bias
	if n := chunks(o.t, o.chunk); o.q.topo != nil && n >= o.b.splitKFrom {
		o.split = 2
		first.to = n / 2 * o.chunk
		second.from, second.to = first.to, o.t
		second.grad, second.bias = grow(second.grad, len(first.grad)), grow(second.bias, len(first.bias))
		clear(second.grad)
		clear(second.bias)
	}
	for i := range o.partials[:o.split] {
		if p := &o.partials[i]; o.bias != nil && o.layout == interleaved {
			p.sums = grow(p.sums, chunks(o.dy.n, kernel.PanelWidth)*kernel.PanelWidth*o.tokensOfLine())
			clear(p.sums)
		}
	}
}

// addPartials adds up what the partials have.
func (o *gradOp) addPartials() {
	if o.split == 2 {
		o.b.k.Axpy(o.q.grad.f, 1, o.partials[1].grad)
		if o.bias != nil {
			o.b.k.Axpy(o.bias, 1, o.partials[1].bias)
		}
	}
	if o.bias == nil || o.layout == byColumn {
		return
	}
	m := o.tokensOfLine()
	for _, p := range o.partials[:o.split] {
		for c := range o.bias {
			for _, v := range p.sums[c*m : (c+1)*m] {
				o.bias[c] += v
			}
		}
	}
}
