package launch

// What thread blocks of other kernels than those of products take at once.
const (
	AttentionTile  = 64   // queries, or keys, of attention_mma.cuh
	ScoreTile      = 64   // rows and columns of the dense gradient of block_grad.cuh
	SumChunk       = 64   // pairs of a sorted list of rowsum.cuh
	OptimizerChunk = 4096 // elements of optimizer.cuh
	RowThreads     = 256  // threads of the kernels that give each row a warp
)

// WholeRows is the most tokens of a sequence that attention_mma_whole.cuh takes at once.
const WholeRows = 128

// WholeShared is the bytes of dynamic shared memory of attention_mma_whole.cuh, for head
// sizes up to width: q, k, v and dctx; two numbers and what dropout kept of each row.
func WholeShared(width int) int { return WholeRows * (4*(2*width+16) + 2*4 + WholeRows/8) }

// WholeAttention says that one kernel makes all gradients of attention on bfloat16, for
// such sequences and heads.
func WholeAttention(d Device, seq, head int) bool {
	return seq <= WholeRows && head%8 == 0 && head <= 64 && WholeShared(64) <= d.SharedBytes
}

// AttentionShared is the bytes of dynamic shared memory of so many tiles of
// attention_mma.cuh, for head sizes up to width, and of other things.
func AttentionShared(width, tiles, other int) int { return tiles*AttentionTile*(2*width+16) + other }

// KeyGradients is how many stages of queries the kernel of dk and dv has on a device,
// for head sizes up to width, and its dynamic shared memory: k and v, then q and dctx a
// stage; lse and delta of two stages.
func KeyGradients(d Device, width int) (stages, shared int) {
	const numbers = 2 * 2 * 4 * AttentionTile
	if shared = AttentionShared(width, 6, numbers); shared <= d.SharedBytes {
		return 2, shared
	}
	return 1, AttentionShared(width, 4, numbers)
}

// NormInRegisters says that a row of h stays in registers, and gamma and beta in shared
// memory, with bfloat16: norm_rows.cuh.
func NormInRegisters(h int) bool { return h%8 == 0 && h <= 1024 }

// LayerNormGrad is the launch of the backward of a LayerNorm of t rows of h, without
// its kernel: each row has a warp, with as many warps as the column sums of each
// leave room for, up to 8 a thread block, and four blocks to a multiprocessor, two of
// which run at once. Each block leaves partial sums. False: not even one warp has room.
func LayerNormGrad(d Device, t, h int) (Launch, bool) {
	warps := min(RowThreads/32, d.SharedBytes/(8*h), d.tokens(t))
	if warps == 0 {
		return Launch{}, false
	}
	most := 4 * d.Multiprocessors
	if ceil(d.tokens(t), warps) > most { // all are taken, so a sample has fewer
		most = d.limited(most, 2*d.Ranges)
	}
	return Launch{Grid: Grid(t, warps, most), Block: Dim3{X: 32 * warps}, Shared: warps * 8 * h}, true
}
