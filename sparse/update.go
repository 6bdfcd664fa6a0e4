package sparse

import (
	"fmt"
	"math"
	"slices"
)

// Update is one topology update of a model.
type Update struct {
	Seed         uint64  // of random growth
	Number       int     // 1 for the first update
	Step         int64   // optimizer steps finished; Born of the new blocks
	PruneRatio   float64 // pr(t) of this update, 0 to 1
	Prune        Prune   // what is pruned
	Norm         Norm    // by which norm, for PruneNorm
	Growth       Growth  // what grows, and which block rows exchange blocks
	RegrowPruned bool    // a block pruned now may return at once

	// Ablate is the share of a block row's blocks, 0 to 1, of which fewer salient ones cost
	// the row all its blocks (rule 7 of the package comment); 0: none. It needs a growth under
	// the row constraint fan-in.
	// Source: SRigL's neuron ablation (Lasby et al., arXiv 2305.02299, section 3).
	Ablate float64

	// Protect is the number of updates that leave a newborn block where it is; 0: none. The
	// start's blocks are not protected.
	Protect int
	// Ages are factors of the scores, by the ages of the blocks; nil: 1.
	Ages *Ages
}

// Arrays are what an update reads of a tensor beside its topology. It changes none.
type Arrays struct {
	Values []float32 // [nnzb][B][B]
	M, V   []float32 // Adam's moments, [nnzb][B][B]: where the prune criterion reads moments
	Scores []float32 // growth scores, one finite number per position: where the growth reads them
}

// Change is what an update did to one tensor.
type Change struct {
	Slots []int32 // slots of the new blocks, ascending
	Stats Stats
}

// wanted returns the number of blocks that the pruning ratio asks for.
func (u Update) wanted(active int) uint64 { return uint64(math.Floor(u.PruneRatio * float64(active))) }

// movable returns how many of the active blocks among positions an update can
// replace.
func (u Update) movable(active, positions int) int {
	if u.RegrowPruned {
		return active
	}
	return min(active, positions-active)
}

// Update prunes and regrows one tensor by the rules of the package comment.
//
// values and scores are those of Arrays; a criterion that reads moments needs UpdateIn.
// scores is read where the growth reads scores only; RigL's is the L1 norm of the block
// of the dense gradient. tensor is the index of the weight among the parameters of its
// model, so that no two weights draw the same. Neither slice is changed: the caller sets
// values and moments of the slots in Change to zero.
//
// The topology is checked before and after. Errors: ErrTopology and ErrShape
// from Check; ErrArgument for a number out of range or a slice of another
// length; ErrNotFinite for a norm or score that is NaN or infinite. They leave t
// unchanged. Only an error that says "after the commit" does not: it means a
// fault of this package.
func (t *Topology) Update(values, scores []float32, u Update, tensor int) (Change, error) {
	return t.UpdateIn(new(Scratch), Arrays{Values: values, Scores: scores}, u, tensor)
}

// UpdateIn is Update with all arrays, and with memory to reuse. Change.Slots is part of s,
// and valid until its next use.
func (t *Topology) UpdateIn(s *Scratch, x Arrays, u Update, tensor int) (Change, error) {
	fail := func(err error) (Change, error) {
		return Change{}, fmt.Errorf("topology update %d: %w", u.Number, err)
	}
	if err := t.check(s); err != nil {
		return fail(err)
	}
	if err := u.check(t, x, tensor); err != nil {
		return fail(err)
	}
	if err := s.rank(t, x, u, tensor); err != nil {
		return fail(err)
	}
	ablated := s.choose(t, x.Scores, u, tensor)
	change := s.commit(t, u)
	change.Stats.Ablated = ablated
	if err := t.check(s); err != nil {
		return fail(fmt.Errorf("after the commit: %w", err))
	}
	return change, nil
}

// Check returns an error (ErrArgument) that names the first number of the update
// that is out of range.
func (u Update) Check() error {
	switch {
	case u.Number < 1 || u.Number > math.MaxInt32:
		return fmt.Errorf("%w: found update number %d, expected 1 to %d", ErrArgument, u.Number, math.MaxInt32)
	case u.Step < 0 || u.Step > math.MaxInt32:
		return fmt.Errorf("%w: found step %d, expected 0 to %d", ErrArgument, u.Step, math.MaxInt32)
	case !(u.PruneRatio >= 0 && u.PruneRatio <= 1):
		return fmt.Errorf("%w: found pruning ratio %v, expected 0 to 1", ErrArgument, u.PruneRatio)
	case u.Norm > LInf:
		return fmt.Errorf("%w: found %s, expected a norm that is known", ErrArgument, u.Norm)
	case int(u.Prune) >= len(pruneTable):
		return fmt.Errorf("%w: found %s, expected a prune criterion that is known", ErrArgument, u.Prune)
	case !u.Growth.Known():
		return fmt.Errorf("%w: found %s, expected a growth that is known", ErrArgument, u.Growth)
	case !(u.Ablate >= 0 && u.Ablate <= 1):
		return fmt.Errorf("%w: found the share of ablation %v, expected 0 to 1", ErrArgument, u.Ablate)
	case u.Ablate > 0 && !u.Growth.Ablatable():
		return fmt.Errorf("%w: found the share of ablation %v with growth %s, expected it with a growth under %s", ErrArgument, u.Ablate, u.Growth, GrowFanIn)
	case u.Protect < 0 || u.Protect > math.MaxInt32:
		return fmt.Errorf("%w: found a protection of %d updates, expected 0 to %d", ErrArgument, u.Protect, math.MaxInt32)
	}
	return u.Ages.check()
}

// check is Check with the other arguments of an update.
func (u Update) check(t *Topology, x Arrays, tensor int) error {
	if err := u.Check(); err != nil {
		return err
	}
	elements := t.NNZ() * t.BlockSize()
	if len(x.Values) != elements {
		return fmt.Errorf("%w: found %d values, expected %d", ErrArgument, len(x.Values), elements)
	}
	if u.Prune.Criterion().Moments && (len(x.M) != elements || len(x.V) != elements) {
		return fmt.Errorf("%w: found moments of %d and %d elements for %s, expected %d each", ErrArgument, len(x.M), len(x.V), u.Prune, elements)
	}
	if u.Growth.Scores() {
		if len(x.Scores) != t.Positions() {
			return fmt.Errorf("%w: found %d growth scores, expected %d", ErrArgument, len(x.Scores), t.Positions())
		}
		for p, score := range x.Scores {
			if !finite(score) {
				return fmt.Errorf("%w: position %d: found the growth score %v", ErrNotFinite, p, score)
			}
		}
	}
	return u.CheckTensor(tensor)
}

// CheckTensor returns an error (ErrArgument) where the update cannot be that of a tensor
// of that index: it is out of range, or Ages have no factor of its start.
func (u Update) CheckTensor(tensor int) error {
	if err := checkTensor(tensor); err != nil {
		return err
	}
	if u.Ages != nil && tensor >= len(u.Ages.Start) {
		return fmt.Errorf("%w: found factors of the start for %d tensors, expected one for tensor %d", ErrArgument, len(u.Ages.Start), tensor)
	}
	return nil
}

func checkTensor(tensor int) error {
	if tensor < 0 || int64(tensor) > math.MaxUint32 {
		return fmt.Errorf("%w: found tensor %d, expected 0 to %d", ErrArgument, tensor, uint32(math.MaxUint32))
	}
	return nil
}

// choose fills s.slots with the slots to prune and s.grown with the positions to
// grow, and returns the number of rows that lose all their blocks. s.active holds the
// active positions, s.norms the prune keys. The update falls into groups of block rows
// that exchange blocks.
func (s *Scratch) choose(t *Topology, scores []float32, u Update, tensor int) int {
	k := s.share(t, u, tensor)
	ablated := s.ablate(t, u, k, tensor)
	cols := t.BlockCols()
	step, _ := u.Growth.groups(t.Shape)
	s.pruned = resize(s.pruned, words(t.NNZ()))
	clear(s.pruned)
	for g, k := range s.prunes {
		to := min((g+1)*step, t.BlockRows())
		s.prune(t, u, t.RowSlot[t.RowPtr[g*step]:t.RowPtr[to]], int(k))
	}
	s.slots = s.slots[:0]
	for slot := range t.NNZ() {
		if has(s.pruned, slot) {
			s.slots = append(s.slots, int32(slot))
			if u.RegrowPruned {
				unset(s.active, t.Position(slot))
			}
		}
	}
	s.grown = s.grown[:0]
	key := u.growKey(t, scores, tensor)
	for g, k := range s.grows {
		s.grow(g*step*cols, min((g+1)*step, t.BlockRows())*cols, int(k), key)
	}
	return ablated
}

// prune marks in s.pruned the k slots of the group with the smallest keys. Where that is
// the whole group, a row that is ablated, none is protected.
func (s *Scratch) prune(t *Topology, u Update, group []int32, k int) {
	if k == 0 {
		return
	}
	all := k == len(group)
	threshold := uint64(math.MaxUint64)
	if !all {
		threshold, _ = s.smallest(s.prunable(t, u, group), k)
	}
	for _, slot := range group {
		if s.norms[slot] <= threshold && (all || !u.protects(t.NewAt[slot])) {
			set(s.pruned, int(slot))
		}
	}
}

// prunable returns the keys of those slots of a group that are not protected.
func (s *Scratch) prunable(t *Topology, u Update, group []int32) []uint64 {
	s.keys = slices.Grow(s.keys[:0], len(group))
	for _, slot := range group {
		if !u.protects(t.NewAt[slot]) {
			s.keys = append(s.keys, s.norms[slot])
		}
	}
	return s.keys
}

// grow appends to s.grown the k candidates in [from, to) with the smallest keys,
// ties by position, ascending. The candidates are the positions whose bit in
// s.active is clear.
func (s *Scratch) grow(from, to, k int, key func(p int) uint64) {
	if k == 0 {
		return
	}
	s.keys = slices.Grow(s.keys[:0], to-from)
	for p := from; p < to; p++ {
		if !has(s.active, p) {
			s.keys = append(s.keys, key(p))
		}
	}
	threshold, ties := s.smallest(s.keys, k)
	next := 0
	for p := from; p < to; p++ {
		if has(s.active, p) {
			continue
		}
		key := s.keys[next]
		next++
		if key == threshold && ties > 0 {
			ties--
		} else if key >= threshold {
			continue
		}
		s.grown = append(s.grown, int32(p))
	}
}

// growKey returns the key of a candidate, the smallest of which win.
func (u Update) growKey(t *Topology, scores []float32, tensor int) func(p int) uint64 {
	criterion := u.Growth.Criterion()
	c := Candidate{topology: t, update: &u, tensor: tensor}
	return func(p int) uint64 {
		c.Position = p
		if criterion.Scores {
			c.Score = scores[p]
		}
		return criterion.Key(&c)
	}
}

// commit gives the pruned slots their new blocks and rebuilds the views.
func (s *Scratch) commit(t *Topology, u Update) Change {
	c := Change{Slots: s.slots}
	c.Stats.Pruned = len(s.slots)
	s.describeNewborns(t, u, &c.Stats)
	for _, slot := range s.slots {
		if u.RegrowPruned {
			set(s.active, t.Position(int(slot))) // choose cleared it
		}
		if at := int(t.NewAt[slot]); at > 0 && at == u.Number-1 {
			c.Stats.RemovedNew++
		}
	}
	cols := int32(t.BlockCols())
	for i, slot := range s.slots {
		p := s.grown[i]
		if has(s.active, int(p)) {
			c.Stats.Returned++
		}
		t.Rows[slot], t.Cols[slot] = p/cols, p%cols
		t.Born[slot], t.NewAt[slot] = int32(u.Step), int32(u.Number)
		set(t.Explored, int(p))
	}
	t.Index()
	t.describe(&c.Stats, u.Step)
	c.Stats.Survivors = t.survivors(u.Number)
	return c
}
