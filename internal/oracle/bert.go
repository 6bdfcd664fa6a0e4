package oracle

import (
	"fmt"
	"math"

	"gorgonia.org/gorgonia"

	"github.com/sparsebert/sparsebert-gpu/model"
)

// excluded is what an attention score outside the sequence gets added: far
// enough below any score that exp gives exactly 0.
const excluded = -1e30

// layerNormEps is the constant under LayerNorm's square root.
const layerNormEps = 1e-12

// network builds BERT on a batch.
type network struct {
	*builder
	in     Input
	table  []model.Tensor
	tokens int // T = batch x S

	leaves  map[string]*gorgonia.Node // the parameters by name, a vector as one row
	weights map[string]*gorgonia.Node // what the products use: the leaf, or leaf times mask

	mlm, nsp, loss *gorgonia.Node // scalars
}

// newNetwork makes the leaves.
func newNetwork(in Input, table []model.Tensor) *network {
	n := &network{
		builder: newBuilder(),
		in:      in,
		table:   table,
		tokens:  in.Batch.Size * in.SeqLen,
		leaves:  make(map[string]*gorgonia.Node, len(table)),
		weights: make(map[string]*gorgonia.Node, len(table)),
	}
	for _, t := range table {
		leaf := n.input(t.Name, t.Out, t.In, in.Weights[t.Name])
		n.leaves[t.Name], n.weights[t.Name] = leaf, leaf
		if mask, ok := in.Masks[t.Name]; ok {
			n.weights[t.Name] = n.times(leaf, n.constant(t.Out, t.In, mask))
		}
	}
	return n
}

// weight returns an effective weight by its checkpoint name.
func (n *network) weight(name string) *gorgonia.Node {
	w, ok := n.weights[name]
	if !ok && n.err == nil {
		n.err = fmt.Errorf("oracle: the parameter table has no %s", name)
	}
	return w
}

// linear is y = x W^T + b.
func (n *network) linear(x *gorgonia.Node, name string) *gorgonia.Node {
	y := n.matmul(x, n.transpose(n.weight(name+".weight")))
	return n.addRow(y, n.weight(name+".bias"))
}

// addRow adds the row b to every row of x.
func (n *network) addRow(x, b *gorgonia.Node) *gorgonia.Node {
	if n.err != nil {
		return nil
	}
	return n.add(x, n.repeatRow(b, x.Shape()[0]))
}

// layerNorm is gamma (x - mean) / sqrt(var + 1e-12) + beta over each row, with
// the variance that divides by H.
func (n *network) layerNorm(x *gorgonia.Node, name string) *gorgonia.Node {
	if n.err != nil {
		return nil
	}
	rows, h := x.Shape()[0], x.Shape()[1]
	mean := n.scale(n.rowSum(x), 1/float64(h))
	centred := n.sub(x, n.repeatColumn(mean, h))
	variance := n.scale(n.rowSum(n.times(centred, centred)), 1/float64(h))
	deviation := n.unary("square root", gorgonia.Sqrt, n.shift(variance, layerNormEps))
	unit := n.divide(centred, n.repeatColumn(deviation, h))
	return n.addRow(n.times(unit, n.repeatRow(n.weight(name+".weight"), rows)), n.weight(name+".bias"))
}

// gelu is x/2 (1 + erf(x/sqrt 2)).
func (n *network) gelu(x *gorgonia.Node) *gorgonia.Node {
	e := n.apply(newErf(), n.scale(x, 1/math.Sqrt2))
	return n.times(n.scale(x, 0.5), n.shift(e, 1))
}

// rows picks rows of a table by index; a negative index gives zeros.
func (n *network) rows(table *gorgonia.Node, index []int) *gorgonia.Node {
	if n.err != nil {
		return nil
	}
	return n.matmul(n.selection(index, table.Shape()[0]), table)
}

// embed is the sum of the three embeddings and its LayerNorm.
func (n *network) embed() *gorgonia.Node {
	word, position, segment := make([]int, n.tokens), make([]int, n.tokens), make([]int, n.tokens)
	for t := range n.tokens {
		word[t] = int(n.in.Batch.IDs[t])
		position[t] = t % n.in.SeqLen
		segment[t] = int(n.in.Batch.Segments[t])
	}
	const prefix = "bert.embeddings."
	x := n.add(n.rows(n.weight(prefix+"word_embeddings.weight"), word),
		n.rows(n.weight(prefix+"position_embeddings.weight"), position))
	x = n.add(x, n.rows(n.weight(prefix+"token_type_embeddings.weight"), segment))
	return n.layerNorm(x, prefix+"LayerNorm")
}

// attentionMask says which token may attend to which: [T, T] with 1 where the
// key belongs to the query's sequence and lies before its length.
func (n *network) attentionMask() (allowed, penalty *gorgonia.Node) {
	one := make([]float64, n.tokens*n.tokens)
	low := make([]float64, n.tokens*n.tokens)
	for q := range n.tokens {
		sequence := q / n.in.SeqLen
		for k := range n.tokens {
			if k/n.in.SeqLen == sequence && k%n.in.SeqLen < int(n.in.Batch.Lengths[sequence]) {
				one[q*n.tokens+k] = 1
			} else {
				low[q*n.tokens+k] = excluded
			}
		}
	}
	return n.constant(n.tokens, n.tokens, one), n.constant(n.tokens, n.tokens, low)
}

// attention is multi-head attention over the whole batch at once, one head
// after another: the mask keeps the sequences apart.
func (n *network) attention(x, allowed, penalty *gorgonia.Node, name string) *gorgonia.Node {
	q := n.linear(x, name+".query")
	k := n.linear(x, name+".key")
	v := n.linear(x, name+".value")
	h, size := n.in.Config.Hidden, n.in.Config.Hidden/n.in.Config.Heads
	var context *gorgonia.Node
	for head := range n.in.Config.Heads {
		columns := make([]int, size)
		for i := range columns {
			columns[i] = head*size + i
		}
		pick := n.selection(columns, h) // [D, H]: its transpose cuts a head's columns out
		cut := n.transpose(pick)
		scores := n.scale(n.matmul(n.matmul(q, cut), n.transpose(n.matmul(k, cut))), 1/math.Sqrt(float64(size)))
		p := n.times(n.softmax(n.add(scores, penalty)), allowed) // rows of an empty sequence become 0
		ctx := n.matmul(n.matmul(p, n.matmul(v, cut)), pick)
		if head == 0 {
			context = ctx
		} else {
			context = n.add(context, ctx)
		}
	}
	return context
}

// softmax is exp(x - max) over its sum, by rows.
func (n *network) softmax(x *gorgonia.Node) *gorgonia.Node {
	if n.err != nil {
		return nil
	}
	cols := x.Shape()[1]
	e := n.unary("exponential", gorgonia.Exp, n.sub(x, n.repeatColumn(n.apply(newRowMax(), x), cols)))
	return n.divide(e, n.repeatColumn(n.rowSum(e), cols))
}

// crossEntropy is the mean of log sum exp(logits) - logits[label] over the rows
// whose label is not negative, 0 when there is none.
func (n *network) crossEntropy(logits *gorgonia.Node, labels []int32) *gorgonia.Node {
	if n.err != nil {
		return nil
	}
	rows, cols := logits.Shape()[0], logits.Shape()[1]
	used := 0
	for _, l := range labels {
		if l >= 0 {
			used++
		}
	}
	onehot, weight := make([]float64, rows*cols), make([]float64, rows)
	for i, l := range labels {
		if l >= 0 {
			onehot[i*cols+int(l)] = 1
			weight[i] = 1 / float64(used)
		}
	}
	top := n.apply(newRowMax(), logits)
	e := n.unary("exponential", gorgonia.Exp, n.sub(logits, n.repeatColumn(top, cols)))
	lse := n.add(n.unary("logarithm", gorgonia.Log, n.rowSum(e)), top)
	picked := n.rowSum(n.times(logits, n.constant(rows, cols, onehot)))
	return n.total(n.times(n.sub(lse, picked), n.constant(rows, 1, weight)))
}

// encoder is the stack of post-LayerNorm layers.
func (n *network) encoder(x *gorgonia.Node) *gorgonia.Node {
	allowed, penalty := n.attentionMask()
	for l := range n.in.Config.Layers {
		layer := fmt.Sprintf("bert.encoder.layer.%d.", l)
		context := n.attention(x, allowed, penalty, layer+"attention.self")
		x = n.layerNorm(n.add(n.linear(context, layer+"attention.output.dense"), x), layer+"attention.output.LayerNorm")
		up := n.gelu(n.linear(x, layer+"intermediate.dense"))
		x = n.layerNorm(n.add(n.linear(up, layer+"output.dense"), x), layer+"output.LayerNorm")
	}
	return x
}

// losses builds the whole of BERT and returns the two mean losses; with NoNSP the
// second is nil.
func (n *network) losses() (mlm, nsp *gorgonia.Node) {
	x := n.encoder(n.embed())

	masked := make([]int, len(n.in.Batch.MaskedPos))
	for i, p := range n.in.Batch.MaskedPos {
		masked[i] = int(p)
	}
	const head = "cls.predictions."
	t := n.layerNorm(n.gelu(n.linear(n.rows(x, masked), head+"transform.dense")), head+"transform.LayerNorm")
	decoder := n.transpose(n.weight("bert.embeddings.word_embeddings.weight"))
	mlm = n.crossEntropy(n.addRow(n.matmul(t, decoder), n.weight(head+"bias")), n.in.Batch.MaskedLabels)

	if n.in.Config.NoNSP {
		return mlm, nil
	}
	first := make([]int, n.in.Batch.Size)
	for i := range first {
		first[i] = i * n.in.SeqLen
	}
	pooled := n.unary("tanh", gorgonia.Tanh, n.linear(n.rows(x, first), "bert.pooler.dense"))
	nsp = n.crossEntropy(n.linear(pooled, "cls.seq_relationship"), n.in.Batch.NSPLabels)
	return mlm, nsp
}
