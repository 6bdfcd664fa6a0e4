package backendtest

import (
	"fmt"
	"math"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// The allowed difference between a backend and the exact result is, for each
// element of each output,
//
//	(terms + fixed) u magnitude  +  rounding of what is stored
//
// where u = 2^-24 is the unit roundoff of float32. The first part bounds the
// arithmetic. A sum of k rounded terms, in any order, with or without fused
// multiply-add, is off by at most about (k+1) u times the sum of the absolute
// values of its terms (Higham, Accuracy and Stability of Numerical Algorithms,
// 2nd ed., section 4.2): k-1 roundings of additions and one or two of the term.
// So each check works out, in float64, the sum of absolute values that belongs
// to its element (the magnitude) and the number of its terms, and the table says
// how many roundings come on top. Second-order terms in u are left out: the
// bounds are worst cases that a real sum stays far below.
//
// In bfloat16 the terms of dot products may be added by matrix units, which round otherwise. A
// tensor core adds a group of n exact products to a sum at once: it aligns all addends to the
// largest exponent, cuts off what lies below the last place that float32 has there, adds exactly
// and cuts the result to float32 (Fasi, Higham, Mikaitis, Pranesh: Numerical behavior of NVIDIA
// tensor cores, PeerJ Computer Science 7:e330, 2021; for later GPUs Khattak, Mikaitis: Accurate
// models of NVIDIA tensor cores, arXiv:2512.07004, 2025). With M the largest of the n + 1 addends,
// which itself loses nothing, each other one loses less than 2 u M, and the result less than 2 u of
// itself. Neither M nor the result is above the magnitude, so k terms in groups of n are off by at
// most
//
//	(2 n + 2) u magnitude, k/n times: 2 k (1 + 1/n) u magnitude
//
// The smallest n that was found is 4, on a V100, without bits behind the last place; the GPUs that
// we run on have larger groups and more bits, so 5/2 k holds for all. A last group that is not
// full is off by up to 3/2 u more, for which the products' own rounding of the table stands, as
// these are exact. Terms of the rows in alignedRows count 5/2 times in the column of bfloat16.
//
// Where an operation is a chain (LayerNorm, attention, AdamW), the check carries
// the bound of each link through the derivative of the next, and takes each
// link's own roundings from this table.
//
// All backends accumulate in float32, but for what matrix units cut off. The dtype of activations shows in the
// second part only: a stored activation is off by its unit roundoff times its
// absolute value, and so is an intermediate result that a backend may keep in
// that dtype.
//
// To each bound that is not zero, underflow is added once.
var roundings = map[string]float64{
	// One rounding of the product, one of the store; an accumulator of a block,
	// a chunk of tokens or a lane adds none, as a tree is never worse than a chain.
	"product": 2,

	// gelu(a) = a/2 (1+erf): erf, the sum and two products are off by u each, and
	// erf of its rounded argument by 2u more; magnitude |a|. Doubled, as a fast
	// erf is good to about 2^-22 absolute.
	"gelu": 10,
	// gelu'(a): as above for the distribution function, and for a times the
	// density, which is below 0.25, an exponential of relative error 8u.
	// Magnitude: the absolute product sum that it multiplies.
	"gelu slope": 12,

	// A plain sum: the store, which may be a conversion.
	"sum": 1,
	// 1-rate, its reciprocal, the product, and the rate itself as float32.
	"dropout": 4,
	// The same and the addition; magnitude |residual| + |dropped-out sub|.
	"add dropout": 5,
	// A row mean of h terms: the square or product of a term, and the division.
	"mean": 3,
	// 1/sqrt(x): adding epsilon, root and reciprocal, at most 2u each when
	// hardware approximates.
	"rsqrt": 6,
	// gamma n + beta: three products and a sum; magnitude |gamma n| + |beta|.
	"affine": 4,
	// n = (z - mean) rstd: difference and product.
	"normal": 2,
	// g - mean(g) - n mean(g n), times rstd: g's product and five more.
	"row gradient": 6,
	// An exponential, a sum and a quotient, 2u each, and the last rounding; near
	// zero a backend must not lose the relative accuracy. Magnitude |y|.
	"tanh": 8,
	// dy (1 - y^2): square, difference, product; magnitude |dy| (1 + y^2).
	"tanh slope": 3,

	// A dot product divided by sqrt(Head): the product, the root and the quotient.
	"score": 4,
	// The log of a sum of exponentials: exp and log are off by up to 4u each. The
	// arguments' rounding is added by the checks: u times their span.
	"log sum exp": 10,
	// A probability, relative: two exponentials of error 4u, the sum in the terms,
	// the quotient.
	"softmax": 12,
	// p (dp - delta): difference and product, and the factor of dropout in dp.
	"score gradient": 5,

	// softmax - onehot and the product with the scale.
	"one hot": 3,
	// The losses of the rows: at most 64 in one float32 chain, then exact or in a
	// tree.
	"loss sum": 64,

	// The root of a sum of squares, relative: float32 chains of at most 64 terms,
	// combined in float64 or in a tree of up to 64 levels; the root halves it.
	"norm": 68,
	// beta1 m + (1-beta1) g: two roundings of the factor of clipping, the product
	// with it, 1-beta1, two products, a sum.
	"first moment": 7,
	// The same with g squared, so clipping counts twice. All terms are positive:
	// magnitude v.
	"second moment": 10,
	// mhat / (sqrt(vhat) + eps), relative, without the error of m: half of v's 10,
	// both corrections (1-beta^age worked out to u relative, which needs float64 or
	// expm1: in float32, 1-0.999 would keep four digits), root, sum, quotient.
	"adam step": 5 + 9,
	// W - LR (step + decay W): sum of two, product, difference; and for the
	// shrinkage of Group Lasso product and difference.
	"weight": 4,
	// lambda B wstd LR / sqrt(sum W^2 + 1e-6), relative: half of the sum's roundings,
	// which the terms count in full, four products, root and quotient.
	"lasso factor": 8,
}

// alignedRows are the rows whose terms matrix units may add: those of products and dot products.
var alignedRows = []string{"product", "score"}

// alignedTerm is what such a term counts. A test makes it smaller, to see that the suite fails then.
var alignedTerm = 2.5

// maxGELUSlope is the largest absolute derivative of GELU, 1.1290 at sqrt 2.
const maxGELUSlope = 1.13

// column is the part of the table that depends on the activation dtype.
type column struct {
	bf16  bool
	store float64 // unit roundoff of a stored activation
}

// underflow covers results that float32 holds as subnormal numbers or, where the
// hardware flushes them, as zero: up to 2^-126 for a term, and this is room for
// 2^16 terms of factor 1. No result that matters is near it.
const underflow = 1.0 / (1 << 55) / (1 << 55)

// float32Unit is the unit roundoff of float32.
const float32Unit = 1.0 / (1 << 24)

// columnOf returns the column of a dtype. The reference's F64 shows as float32,
// since results are read through ReadFloats.
func columnOf(dt backend.DType) column {
	if dt == backend.BF16 {
		return column{bf16: true, store: 1.0 / (1 << 8)} // 8 significant bits
	}
	return column{store: float32Unit}
}

// limit is the first part of the bound: a named row of the table, for a sum of
// the given number of terms and magnitude.
func (c column) limit(row string, terms int, magnitude float64) float64 {
	fixed, ok := roundings[row]
	if !ok {
		panic(fmt.Sprintf("backendtest: no row %q in the table of tolerances", row))
	}
	count := float64(terms)
	if c.bf16 && slices.Contains(alignedRows, row) {
		count *= alignedTerm
	}
	return (count + fixed) * float32Unit * math.Abs(magnitude)
}

// stored is the second part, for a value kept in the activation dtype.
func (c column) stored(v float64) float64 { return c.store * math.Abs(v) }
