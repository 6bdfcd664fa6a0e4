package traffic

import (
	"cmp"
	"slices"
)

// Fusion is two or more operations made one, and what memory then need not move.
type Fusion struct {
	Name  string `json:"name"`
	Saved int64  `json:"saved_bytes"`
}

// fusions are what could be made one, with the bytes that each call then saves.
var fusions = []struct {
	name  string
	saved func(c Call) int64
}{
	{"q, k, v: one pass over x forward, one over dx and one over x backward", func(c Call) int64 {
		if !slices.Contains([]string{"attention.self.query", "attention.self.key", "attention.self.value"}, c.Tensor) {
			return 0
		}
		return (c.Operand("x", Read) + c.Operand("dx", Read) + c.Operand("dx", Write)) * 2 / 3
	}},
	{"weight and input gradient of a weight read dy together", func(c Call) int64 {
		if c.Op != "SDD" || slices.Contains([]string{"predictions.transform.dense", "pooler.dense", "seq_relationship"}, c.Tensor) {
			return 0
		}
		return c.Operand("dy", Read)
	}},
	{"gelu's output not stored, made from pre by its two readers", func(c Call) int64 {
		if c.Op != "DSD" || c.Operand("pre", Write) == 0 {
			return 0
		}
		return c.Operand("y", Write)
	}},
	{"attention backward: dq, dk and dv by one kernel", func(c Call) int64 {
		n := c.Operand("delta", Scratch)
		if n == 0 { // no attention, or one kernel already
			return 0
		}
		for _, name := range []string{"q", "k", "v", "dctx", "lse", "kept"} {
			n += c.Operand(name, Read) / 2
		}
		return n
	}},
	{"residual, dropout and LayerNorm in the product before them", func(c Call) int64 {
		if c.Op != "AddNorm" {
			return 0
		}
		return 2 * c.Operand("sub", Read)
	}},
	{"LayerNorm's input not stored, made from its output backward", func(c Call) int64 {
		if c.Op != "AddNorm" || c.Operand("sub", Read) == 0 {
			return 0
		}
		return c.Operand("z", Write)
	}},
	{"dsub not stored, made from dresidual by its two readers", func(c Call) int64 {
		return c.Operand("dsub", Write)
	}},
	{"partial weight gradients added up on chip", func(c Call) int64 {
		if c.Op != "SDD" {
			return 0
		}
		return c.Operand("partial", Scratch)
	}},
	{"cross-entropy's sums in the decoder's product", func(c Call) int64 {
		if c.Op != "CrossEntropy" {
			return 0
		}
		return c.Operand("logits", Read)
	}},
	{"dropout of the embeddings in the LayerNorm beside it", func(c Call) int64 {
		if c.Op != "DropoutApply" {
			return 0
		}
		return c.Bytes().Memory()
	}},
	{"the first weight gradient assigned, not added to zeroes", func(c Call) int64 {
		switch c.Op {
		case "ZeroGrad":
			return c.Bytes().Memory()
		case "SDD":
			return c.Operand("grad", Read)
		}
		return 0
	}},
	{"copies of dense weights written by the optimizer", func(c Call) int64 {
		return c.Operand("copies", Read)
	}},
}

// Fusions lists what fusing would save in these calls, the most first, each alone:
// some save the same bytes. What is built already saves nothing here.
func Fusions(calls []Call) []Fusion {
	var list []Fusion
	for _, f := range fusions {
		n := int64(0)
		for _, c := range calls {
			n += f.saved(c)
		}
		if n > 0 {
			list = append(list, Fusion{f.name, n})
		}
	}
	slices.SortStableFunc(list, func(a, b Fusion) int { return cmp.Compare(b.Saved, a.Saved) })
	return list
}
