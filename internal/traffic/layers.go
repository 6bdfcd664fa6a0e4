package traffic

import (
	"math/bits"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/launch"
)

// Embed: a row of each table for every token, of which each is read once from
// memory; at the most every token has a word of its own.
func (m Machine) embed(word, pos, typ backend.Param, t, seq int) Call {
	h := word.Spec().In
	c := Call{Op: "Embed"}
	c.read("ids", 8*int64(t))
	for _, p := range []struct {
		name string
		rows int
	}{{"word", min(t, word.Spec().Out)}, {"position", min(t, seq)}, {"type", min(t, typ.Spec().Out)}} {
		row := f32 * int64(h)
		c.read(p.name, row*int64(p.rows))
		c.add(p.name, Again, row*int64(t-p.rows))
	}
	c.write("z", m.act(t*h))
	return c
}

// sorting is what kernels sort_rows, and the readers of its pairs, move: for each
// list and 8 bits of row number the pairs twice (the counting reads them too; the
// first time it is the indices), and back.
func (c *Call) sorting(t, h int, rows ...int) {
	for _, r := range rows {
		passes := int64(bits.Len(uint(max(r, 1)))+7) / 8
		n := int64(t)
		c.read("indices", f32*n)
		c.scratch("pairs", 8*n*passes)
		c.add("pairs", Again, f32*n+8*n*(passes-1))
		// Each of the warps that share a chunk's columns reads its pairs.
		c.add("pairs", Again, 8*n*int64((h+255)/256-1))
	}
}

// EmbedGrad: dz once for each of the three lists, which run one after the other;
// the rows of the tables that occur, in and out.
func (m Machine) embedGrad(word, pos, typ backend.Param, t, seq int) Call {
	h := word.Spec().In
	c := Call{Op: "EmbedGrad"}
	c.sorting(t, h, word.Spec().Out, typ.Spec().Out, pos.Spec().Out)
	for _, p := range []struct {
		name string
		rows int
	}{{"word", min(t, word.Spec().Out)}, {"type", min(t, typ.Spec().Out)}, {"position", min(t, seq)}} {
		c.read("dz", m.act(t*h))
		c.rows(p.name, f32*int64(p.rows*h), 1)
		c.write(p.name, f32*int64(p.rows*h))
		// Rows that occur more often than a chunk is long leave a sum for each chunk.
		if per := t / max(p.rows, 1); per >= launch.SumChunk {
			c.scratch("sums of chunks", f32*int64(t/launch.SumChunk*h))
		}
	}
	return c
}

// keptBytes is the size of what dropout keeps of so many rows and columns.
func keptBytes(rows, columns int) int64 { return f32 * int64(rows) * int64(backend.KeptWords(columns)) }

// AddNorm: residual, sub where there is one, z and y, what dropout keeps where that is
// stored; gamma and beta for each thread block, or for each row where a row does not
// stay in registers.
func (m Machine) addNorm(gamma backend.Param, sub, kept bool, t int) Call {
	h := gamma.Spec().In
	c := Call{Op: "AddNorm", Tensor: short(gamma.Spec().Name)}
	c.read("residual", m.act(t*h))
	if sub {
		c.read("sub", m.act(t*h))
	}
	c.write("z", m.act(t*h))
	c.write("y", m.act(t*h))
	if kept {
		c.write("kept", keptBytes(t, h))
	}
	c.write("statistics", 2*f32*int64(t))
	if blocks := launch.Grid(t, launch.RowThreads/32, 32*m.Multiprocessors).X; m.Activation == backend.BF16 && launch.NormInRegisters(h) {
		c.reads("gamma and beta", 2*f32*int64(h), blocks)
	} else {
		c.rows("gamma and beta", 2*f32*int64(h), t)
	}
	return c
}

// AddNormGrad: dy, z, dresidual, dsub where it is wanted, what dropout kept; partial sums of gamma's and
// beta's gradient of each thread block, which reads gamma once; or every row reads it
// twice.
func (m Machine) addNormGrad(gamma backend.Param, sub, kept bool, t int) Call {
	h := gamma.Spec().In
	c := Call{Op: "AddNormGrad", Tensor: short(gamma.Spec().Name)}
	c.read("dy", m.act(t*h))
	c.read("z", m.act(t*h))
	c.read("statistics", 2*f32*int64(t))
	c.write("dresidual", m.act(t*h))
	if sub {
		c.write("dsub", m.act(t*h))
	}
	if kept {
		c.read("kept", keptBytes(t, h))
	}
	l, _ := launch.LayerNormGrad(m.device(), t, h)
	if m.Activation == backend.BF16 && launch.NormInRegisters(h) {
		c.reads("gamma", f32*int64(h), l.Grid.X)
	} else {
		c.rows("gamma", f32*int64(h), 2*t)
	}
	c.scratch("partial", 2*f32*int64(l.Grid.X*h))
	c.read("gradients", 2*f32*int64(h))
	c.write("gradients", 2*f32*int64(h))
	return c
}

// elementwise is an operation of so many inputs and one output of n elements.
func (m Machine) elementwise(op string, inputs, n int) Call {
	c := Call{Op: op}
	for i := range inputs {
		c.read([]string{"x", "y"}[i], m.act(n))
	}
	c.write("result", m.act(n))
	return c
}

// Attention: q, ctx and lse once, k and v once for each 64 queries, and what dropout
// keeps where that is stored.
func (m Machine) attention(a backend.Attn, kept bool) Call {
	n, rows := a.Batch*a.Seq*a.Heads*a.Head, a.Batch*a.Heads*a.Seq
	c := Call{Op: "Attention", FLOPs: 2 * 2 * int64(n) * int64(a.Seq)}
	c.read("q", m.act(n))
	for _, name := range []string{"k", "v"} {
		c.reads(name, m.act(n), (a.Seq+launch.AttentionTile-1)/launch.AttentionTile)
	}
	c.read("lengths", f32*int64(a.Batch))
	c.write("ctx", m.act(n))
	c.write("lse", f32*int64(rows))
	if kept {
		c.write("kept", keptBytes(rows, a.Seq))
	}
	return c
}

// AttentionGrad: one kernel where a sequence fits it, which reads and writes all once.
// Otherwise two. dq's reads q, ctx, lse once, dctx twice (for delta, and as a factor), k
// and v once for each 64 queries; dk and dv's reads k and v once and the rest once for
// each 64 keys. Scores are made again in both.
func (m Machine) attentionGrad(a backend.Attn, kept bool) Call {
	n, rows := a.Batch*a.Seq*a.Heads*a.Head, a.Batch*a.Heads*a.Seq
	times, products := (a.Seq+launch.AttentionTile-1)/launch.AttentionTile, int64(7)
	whole := m.Activation == backend.BF16 && launch.WholeAttention(m.device(), a.Seq, a.Head)
	if whole {
		times, products = 1, 5
	}
	c := Call{Op: "AttentionGrad", FLOPs: products * 2 * int64(n) * int64(a.Seq)}
	for _, name := range []string{"q", "dctx", "ctx"} {
		c.read(name, m.act(n))
	}
	c.reads("k", m.act(n), times)
	c.reads("v", m.act(n), times)
	c.read("lse", f32*int64(rows))
	if kept {
		c.read("kept", keptBytes(rows, a.Seq))
	}
	for _, name := range []string{"dq", "dk", "dv"} {
		c.write(name, m.act(n))
	}
	if whole {
		return c
	}
	c.add("dctx", Again, m.act(n))
	c.scratch("delta", f32*int64(rows))
	c.reads("q", m.act(n), times)
	c.reads("dctx", m.act(n), times)
	c.read("k", m.act(n))
	c.read("v", m.act(n))
	c.reads("lse", f32*int64(rows), times)
	if kept {
		c.reads("kept", keptBytes(rows, a.Seq), times)
	}
	c.add("delta", Again, f32*int64(rows)*int64(times-1))
	return c
}

// Gather: rows in and out.
func (m Machine) gather(n, h int) Call {
	c := Call{Op: "Gather"}
	c.read("index", f32*int64(n))
	c.read("rows", m.act(n*h))
	c.write("rows", m.act(n*h))
	return c
}

// ScatterAdd: rows in, their targets in and out.
func (m Machine) scatterAdd(targets, n, h int) Call {
	c := Call{Op: "ScatterAdd"}
	c.sorting(n, h, targets)
	c.read("rows", m.act(n*h))
	c.read("targets", m.act(n*h))
	c.write("targets", m.act(n*h))
	return c
}

// Zero: n elements of so many bytes.
func zero(n, size int) Call {
	c := Call{Op: "Zero"}
	c.write("x", int64(n)*int64(size))
	return c
}

// CrossEntropy: the logits, with grad a second time for the gradient, and that.
func (m Machine) crossEntropy(rows, classes int, loss backend.Loss, grad bool) Call {
	c := Call{Op: "CrossEntropy", Tensor: map[backend.Loss]string{backend.MLM: "MLM", backend.NSP: "NSP"}[loss]}
	c.read("logits", m.act(rows*classes))
	if grad {
		c.add("logits", Again, m.act(rows*classes))
		c.write("gradient", m.act(rows*classes))
	}
	c.read("labels", 2*f32*int64(rows))
	c.scratch("losses", 2*f32*int64(rows))
	return c
}
