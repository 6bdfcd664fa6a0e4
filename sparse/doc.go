// Package sparse is the block-sparse weight: which blocks of a tensor are active
// ([Topology]), how they change during training ([Topology.Update]), and what the tensor
// costs ([Shape]). It works on host memory and knows nothing of devices or of BERT.
//
// # Shapes and blocks
//
// A weight of Out x In elements is cut into square blocks of B x B, with B one of
// [BlockSizes]. The block at block row r and block column c has the position r*(In/B)+c.
//
//	shape := sparse.Shape{Out: 768, In: 3072, Block: 16}
//	err := sparse.CheckShape(shape) // nil: both sides are multiples of 16
//	n := shape.Positions()          // 9216: 48 block rows of 192 blocks
//
// # Storage
//
// Only nnzb of the blocks are kept, the active ones. Each has a slot, which never moves.
// The slot says where its values, its gradient and its two Adam moments are: at
// [slot*B*B, (slot+1)*B*B) of arrays that are [nnzb][B][B], row-major inside a block, output
// index first.
//
//	    block columns                slot        0   1   2   3
//	      0   1   2                  Rows      [ 0   2   1   0 ]
//	0   [ s0  .   s3 ]               Cols      [ 0   1   2   2 ]
//	1   [ .   .   s2 ]   block       values    [ BxB BxB BxB BxB ]
//	2   [ .   s1  .  ]   rows        gradient  [ BxB BxB BxB BxB ]
//
// Two views list the slots in the order in which products need them. Block row r holds
// RowSlot[RowPtr[r]:RowPtr[r+1]], by column. Block column c holds
// ColSlot[ColPtr[c]:ColPtr[c+1]], by row.
//
//	row view      RowPtr [ 0 2 3 4 ]   RowSlot [ 0 3 | 2 | 1 ]
//	column view   ColPtr [ 0 1 2 4 ]   ColSlot [ 0 | 1 | 3 2 ]
//
// nnzb is fixed for the whole run, so no array is ever resized. [Topology.Index] makes the
// views from Rows and Cols, and [Topology.Check] tests every invariant.
//
// # Making a topology
//
//	t, err := sparse.StartTopology(shape, nnzb, seed, tensor)     // uniformly at random
//	t, err := sparse.FanInTopology(shape, nnzb, seed, tensor)     // as many in every block row
//	t, err := sparse.NormTopology(sparse.NormSpec{Shape: shape, NNZ: nnzb, ...}, dense) // the largest
//	t, err := sparse.KeepTopology(sparse.NormSpec{Shape: shape, NNZ: nnzb, ...}, matrix) // that of another weight
//	t, err := sparse.NewTopology(shape, rows, cols)               // a pattern of one's own
//	t, err := sparse.FullTopology(shape)                          // every block
//
// [Distribute] says how many blocks each tensor of a model gets at a density.
//
// [NormTopology], [KeepTopology] and [ChooseMagnitude] keep the blocks of a dense weight that come first by
// (norm falling, Key(2, position, 0, tensor) rising, position rising), where Key is that of the
// section on random draws. So equal norms, such as those of blocks of zeros, are decided by the
// seed as in [StartTopology], not by where in the tensor they stand.
//
// # Reading one
//
//	slot, active := t.Slot(r, c)      // where a block is kept
//	density := t.Density()            // nnzb over positions
//	m, err := sparse.FromDense(t, w)  // the active blocks of a dense weight
//	x, active := m.At(i, j)           // one element
//	w := m.Dense()                    // zeros outside the active blocks
//
// # Topology update
//
// An [Update] prunes k blocks and regrows as many. Here two of the four blocks above, s1 and
// s3, have the smallest norms, and positions 3 and 4 grow:
//
//	before                                       after
//	    [ s0  .   s3 ]   Rows    [ 0 2 1 0 ]         [ s0  .   .  ]   Rows    [ 0 1 1 1 ]
//	    [ .   .   s2 ]   Cols    [ 0 1 2 2 ]         [ s1  s3  s2 ]   Cols    [ 0 0 2 1 ]
//	    [ .   s1  .  ]   values  [ a b c d ]         [ .   .   .  ]   values  [ a 0 c 0 ]
//
// The caller does it between two training steps, and sets values and moments of the new
// blocks to zero:
//
//	change, err := t.Update(values, nil, sparse.Update{
//		Seed: 1, Number: 1, Step: 100, PruneRatio: 0.5, Norm: sparse.L1, Growth: sparse.GrowRandom,
//	}, tensor)
//	for _, slot := range change.Slots {
//		clear(values[int(slot)*t.BlockSize() : int(slot+1)*t.BlockSize()])
//	}
//
// With [GrowGradient] the second argument has one score for each position, and the largest
// grow. RigL's scores are block norms of the dense gradient; any finite numbers will do.
//
//	change, err := t.Update(values, scores, sparse.Update{..., Growth: sparse.GrowGradient}, tensor)
//
// [PruneSaliency] needs Adam's moments too, which [Topology.UpdateIn] takes.
//
// [UpdateSteps] says after which training steps updates come, [Schedule] how much they prune,
// and [Stats] what they did.
//
// # The three choices of an update
//
// What is pruned, what grows and which block rows exchange blocks are chosen apart. Each choice is
// a row of a table, and a row can be added: docs/criteria.md shows how.
//
//	what to prune    Prune, a PruneCriterion    a score of active blocks    norm, saliency
//	what to grow     a GrowCriterion            a key of inactive positions random, gradient
//	row constraint   a RowConstraint            rows that exchange blocks   none, fan-in
//
// A [Growth] is a grow criterion under a row constraint: random, gradient, fan-in (random under
// fan-in) and gradient-fan-in.
//
// # The rules of an update
//
// They are a contract, not just an implementation. Every device must end with the same
// topology, bit for bit, given the same values.
//
//  1. Scores. Each active block gets a float32 score of 0 or more: by the criterion norm its
//     [BlockNorm], by saliency [BlockSaliency], whose orders of summation are fixed. With [Ages] it
//     is multiplied by the factor of the block's birth, in float32. Subnormal numbers are kept.
//  2. Groups. The row constraint cuts the block rows into groups: one of all rows, or of so many
//     successive rows each. What follows is done in each group alone, so that a group keeps its
//     number of blocks.
//  3. Count. A block is protected if NewAt > 0 and Number - NewAt <= Protect. Group g can replace m_g
//     blocks: all that are not protected, but without RegrowPruned at most as many as it has inactive
//     positions. M_g is the sum of m_q over the groups q < g, and M that over all. The tensor prunes
//     K = min(floor(pr*nnzb), M) blocks, the product taken in float64, and group g of them
//     k_g = floor((M_(g+1)*K+o)/M) - floor((M_g*K+o)/M), in integers,
//     with o = Key(12, 0, Number, tensor) mod M. The k_g add up to K. Each is m_g*K/M, rounded down
//     or up, and just that on average over the updates: rows of a single block take part. With
//     M = 0 nothing is pruned.
//  4. Prune. In each group the k_g blocks with the smallest (score, position) are pruned, of those
//     that are not protected.
//  5. Candidates. All positions that were inactive before the update; with RegrowPruned also
//     those just pruned.
//  6. Grow. In each group the k_g candidates with the smallest (key, position) grow. For random the
//     key is Key(3, position, Number, tensor) of the next section: a uniform draw without
//     replacement. For gradient it falls as the growth score rises; -0 equals +0.
//  7. Ablation. With a share Ablate above 0, where each group is a block row. A block is salient
//     unless it is one of the K blocks of the tensor with the smallest (score, position) that are not
//     protected. Row r has n_r blocks, of which s_r are salient, and can hold c_r: the columns, less
//     k_r unless RegrowPruned is set. Rows with n_r > 0 and s_r < Ablate*n_r (one float64 product) are
//     ablated in the order of (s_r rising, r falling), as long as the c_q of the rows with blocks that
//     stay add up to nnzb at least; so one row stays. An ablated row prunes all its blocks, protected
//     or not, and grows none. What it had goes to the rows with blocks that stay: at the level L row r
//     gets max(0, min(L, c_r)-n_r) of them besides its k_r. L is the largest level that takes no more
//     than there are. What is left, R, goes to the C rows that would get one more at L+1, in their
//     order: the i-th gets floor(((i+1)*R+o)/C) - floor((i*R+o)/C), with o = Key(12, 0, Number, tensor)
//     mod C. So rows that were within one block of each other are so afterwards, as far as they have
//     room, and a row without a block never gets one again.
//  8. Commit. The pruned slots in ascending order receive the grown positions in ascending order,
//     over the whole tensor. Born becomes Step, NewAt becomes Number, the explored bits of the new
//     positions are set, and both views are rebuilt. The owner of values and moments sets those of
//     the new slots to zero.
//  9. A score that is NaN or infinite is an error, and nothing changes. The growth scores of all
//     positions are looked at, active ones too.
//
// # Random draws
//
// A draw has no state. Key(p, a, b, c) is made by Philox4x32-10 (Salmon et al., SC 2011) with
// the seed as key, low word first, and {a, b, c, p} as counter: word 1 of the result above word 0,
// as one number of 64 bits. p is 2 for starting topologies and equal norms of a dense weight, 3
// for updates and [Choice], 12 for the rounding of rules 3 and 7.
//
// # Accounting
//
//	bytes := shape.SparseMemory(nnzb).Total() // weights, gradient, moments, indices
//	dense := shape.DenseMemory().Total()
//	flops := shape.TrainingFLOPs(tokens, nnzb) // three products
//
// # Errors
//
// What returns an error checks all that it is given. Errors wrap [ErrShape], [ErrTopology],
// [ErrArgument], [ErrNotFinite], [ErrEmptyTensor] or [ErrName] and say what was found and what
// was expected. The methods of Shape expect one that passes [CheckShape].
//
// The rules follow the paper "Towards Structured Dynamic Sparse Pre-Training of BERT" (Dietrich
// et al., arXiv 2108.06277, section 2); the summation order, the keys and the order of commit are
// this program's.
package sparse
