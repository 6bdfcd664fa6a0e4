package backend

// Layers are the operations between the products.
type Layers interface {
	// Embed gives z[t] = word[ids[t]] + pos[t mod seq] + typ[segments[t]]: z is
	// [T, H], ids and segments I32 [T].
	Embed(z, ids, segments Buffer, word, pos, typ Param, t, seq int)
	// EmbedGrad adds the rows of dz [T, H] to the gradients of the three tables,
	// in token order.
	EmbedGrad(word, pos, typ Param, dz, ids, segments Buffer, t, seq int)

	// AddNorm gives z = residual + dropout(sub) and y = gamma (z - mean) rstd +
	// beta, with mean and rstd = 1/sqrt(var + 1e-12) of each row. All are [T, H]
	// but mean and rstd, float32 [T]. sub nil: z = residual. z may be residual
	// or sub.
	AddNorm(y, z, mean, rstd, residual, sub Buffer, gamma, beta Param, t int, d Dropout)
	// AddNormGrad is its backward. From dy it computes dz, assigns dresidual = dz
	// and dsub = dropout(dz) (the same mask), and adds to gamma.Grad and
	// beta.Grad. dsub nil: not wanted. dresidual may be dy.
	AddNormGrad(dresidual, dsub, dy, z, mean, rstd Buffer, gamma, beta Param, t int, d Dropout)

	// DropoutApply gives y = dropout(x) over n elements. It is its own backward.
	// In place allowed.
	DropoutApply(y, x Buffer, n int, d Dropout)

	// Attention gives, per sequence and head, ctx = dropout(softmax(q k^T /
	// sqrt(Head))) v. q, k, v, ctx are [Batch*Seq, Heads*Head]; head a owns the
	// columns [a*Head, (a+1)*Head). lengths is I32 [Batch]: keys at or beyond a
	// sequence's length get probability 0; rows of queries there are computed
	// like any other; a length of 0 gives ctx = 0. lse, float32 [Batch, Heads,
	// Seq], receives log sum exp of the scaled scores, -Inf at length 0. Dropout element index:
	// ((batch*Heads + head)*Seq + query)*Seq + key.
	Attention(ctx, lse, q, k, v, lengths Buffer, a Attn, d Dropout)
	// AttentionGrad is its backward: dq, dk, dv from dctx. Rows of dk and dv at or
	// beyond a sequence's length are 0.
	AttentionGrad(dq, dk, dv, dctx, q, k, v, ctx, lse, lengths Buffer, a Attn, d Dropout)

	// Gather gives dst[i] = src[index[i]], rows of h elements, n of them; index
	// is I32 and a negative one gives a row of zeros.
	Gather(dst, src, index Buffer, n, h int)
	// ScatterAdd gives dst[index[i]] += src[i] in the order of i; negative
	// indices are skipped.
	ScatterAdd(dst, src, index Buffer, n, h int)
	// Zero sets the first n elements to 0.
	Zero(b Buffer, n int)

	// Tanh gives y = tanh(x) over n elements, TanhGrad dx = dy (1 - y^2). In
	// place allowed.
	Tanh(y, x Buffer, n int)
	TanhGrad(dx, dy, y Buffer, n int)

	// GELUGrad gives dx = dy * gelu'(pre) over n elements, for the MLM transform,
	// where a LayerNorm stands between the GELU and the next product. In place
	// allowed: dx may be dy or pre.
	GELUGrad(dx, dy, pre Buffer, n int)
}

// Dropout names one dropout site. Element i of the site's tensor is kept when
// Unit32(word i%4 of philox.At(Seed, philox.Dropout, i/4, Step, Micro<<16|Site))
// >= Rate, and then scaled by 1/(1-Rate). Rate 0, or Train false in the step's
// scalars: the identity.
//
// Kept is where AddNorm and Attention may leave which elements they kept, so that
// AddNormGrad and AttentionGrad read it and need not draw again. It is I32 and has
// KeptWords(columns) words a row: column c is bit c%32, counted from the lowest, of
// word c/32, 1 where the element is kept. The rows are those of AddNorm's tokens,
// with H columns, or ((batch*Heads + head)*Seq + query) with Seq columns, the keys.
// Bits beyond the columns, or of keys at or beyond a sequence's length, mean
// nothing. The identity neither writes nor reads it. A device without
// Capabilities.KeepsDropout leaves Kept alone and draws again, which gives the same
// bits; so does every device where Kept is nil, and DropoutApply always.
type Dropout struct {
	Rate float32
	Site uint16
	Kept Buffer // nil: not kept
}

// KeptWords is how many words of Dropout.Kept a row of so many columns takes.
func KeptWords(columns int) int { return (columns + 31) / 32 }

// Attn is the shape of an attention: Batch sequences of Seq tokens, Heads heads
// of size Head.
type Attn struct {
	Batch, Seq, Heads, Head int
}
