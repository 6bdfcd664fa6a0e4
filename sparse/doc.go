// Package sparse is the block-sparse weight: which blocks of a tensor are
// active (the [Topology]), how that moves during training ([Topology.Update]),
// and what it costs. It knows nothing of devices or of BERT.
//
// # Storage
//
// A weight of Out x In elements is cut into square blocks of B x B. Only nnzb
// of the blocks are kept. Each has a slot, which never moves; the slot says where
// its values, gradient and both Adam moments are:
//
//	    block columns                slot        0   1   2   3
//	      0   1   2                  Rows      [ 0   2   1   0 ]
//	0   [ s0  .   s3 ]               Cols      [ 0   1   2   2 ]
//	1   [ .   .   s2 ]   block       Val       [ BxB BxB BxB BxB ]   row-major,
//	2   [ .   s1  .  ]   rows                                        output first
//
//	row view   RowPtr [ 0 2 3 4 ]   RowSlot [ 0 3 | 2 | 1 ]   by column in a row
//	column     ColPtr [ 0 1 2 4 ]   ColSlot [ 0 | 1 | 3 2 ]   by row in a column
//
// The block at block row r and block column c has the position r*(In/B)+c. nnzb
// is fixed for the whole run, so no array is ever resized.
//
// # Topology update
//
// An [Update] prunes k blocks and regrows as many:
//
//	norms            prune k smallest    grow k                  commit
//	s0 s1 s2 s3  ->  s1, s3          ->  positions 3 and 7   ->  s1: 3, s3: 7
//	                 (norm, position)    (key, position)         views rebuilt
//
// It is a contract, not just an implementation. Every backend must end with the
// same topology, bit for bit, given the same values. The rules:
//
//  1. Norms. Each active block gets a float32 norm by [BlockNorm], whose order
//     of summation is fixed. Subnormal numbers are kept.
//  2. Count. k = floor(pr*nnzb), the product taken in float64. Unless
//     RegrowPruned is set, k is at most the number of inactive positions.
//  3. Prune. The k blocks with the smallest (norm, position) are pruned.
//  4. Candidates. All positions that were inactive before the update; with
//     RegrowPruned also those just pruned.
//  5. Grow. Random growth takes the k candidates with the smallest
//     (philox.Key64(Seed, Regrow, position, Number, tensor), position), which is
//     a uniform draw without replacement. Gradient growth takes the k with the
//     largest score, the lower position on a tie; -0 equals +0.
//  6. Fan-in growth applies rules 2 to 5, with random growth, to each block row
//     alone: k_r = floor(pr*fanin_r). So the number of blocks in a row is constant.
//  7. Commit. The pruned slots in ascending order receive the grown positions in
//     ascending order, over the whole tensor. Born becomes Step, NewAt becomes
//     Number, the explored bits of the new positions are set, and both views are
//     rebuilt. The owner of values and moments sets those of the newborn slots to
//     zero.
//  8. A norm or score that is NaN or infinite is an error, and nothing changes.
//     The scores of all positions are looked at, active ones too.
//
// The rules follow the paper "Towards Structured Dynamic Sparse Pre-Training of
// BERT" (Dietrich et al., arXiv 2108.06277, section 2); the summation order, the
// keys and the order of commit are this program's.
package sparse
