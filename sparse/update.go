package sparse

import (
	"fmt"
	"math"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/internal/philox"
)

// Growth is the way in which new blocks are chosen.
type Growth uint8

// The ways to grow.
const (
	GrowRandom   Growth = iota // uniformly among the inactive positions
	GrowGradient               // largest L1-pooled gradient (RigL)
	GrowFanIn                  // at random with the same number of blocks in every block row
)

// Update is one topology update of a model.
type Update struct {
	Seed         uint64  // of random growth
	Number       int     // 1 for the first update
	Step         int64   // optimizer steps finished; Born of the new blocks
	PruneRatio   float64 // pr(t) of this update, 0 to 1
	Norm         Norm    // the smallest are pruned
	Growth       Growth
	RegrowPruned bool // a block pruned now may return at once

	// Ablate is the share of a block row's blocks, 0 to 1, of which fewer salient ones cost
	// the row all its blocks (rule 7 of the package comment); 0: none. It needs GrowFanIn.
	// Source: SRigL's neuron ablation (Lasby et al., arXiv 2305.02299, section 3).
	Ablate float64
}

// Change is what an update did to one tensor.
type Change struct {
	Slots []int32 // slots of the new blocks, ascending
	Stats Stats
}

// pruned returns the number of blocks that the update prunes in a tensor whose
// block rows mix.
func (u Update) pruned(active, positions int) int {
	return min(int(math.Floor(u.PruneRatio*float64(active))), u.movable(active, positions))
}

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
// values are the tensor's [nnzb][B][B] values. scores is read for GrowGradient
// only: one finite number per position, [positions]; RigL's is the L1 norm of the
// block of the dense gradient. tensor is the index of the weight among the
// parameters of its model, so that no two weights draw the same. Neither slice is
// changed: the caller sets values and moments of the slots in Change to zero.
//
// The topology is checked before and after. Errors: ErrTopology and ErrShape
// from Check; ErrArgument for a number out of range or a slice of another
// length; ErrNotFinite for a norm or score that is NaN or infinite. They leave t
// unchanged. Only an error that says "after the commit" does not: it means a
// fault of this package.
func (t *Topology) Update(values, scores []float32, u Update, tensor int) (Change, error) {
	return t.UpdateIn(new(Scratch), values, scores, u, tensor)
}

// UpdateIn is Update with memory to reuse. Change.Slots is part of s, and valid
// until its next use.
func (t *Topology) UpdateIn(s *Scratch, values, scores []float32, u Update, tensor int) (Change, error) {
	fail := func(err error) (Change, error) {
		return Change{}, fmt.Errorf("topology update %d: %w", u.Number, err)
	}
	if err := t.check(s); err != nil {
		return fail(err)
	}
	if err := u.check(t, values, scores, tensor); err != nil {
		return fail(err)
	}
	if err := s.rank(t, values, u.Norm); err != nil {
		return fail(err)
	}
	ablated := s.choose(t, scores, u, tensor)
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
	case u.Growth > GrowFanIn:
		return fmt.Errorf("%w: found %s, expected a growth that is known", ErrArgument, u.Growth)
	case !(u.Ablate >= 0 && u.Ablate <= 1):
		return fmt.Errorf("%w: found the share of ablation %v, expected 0 to 1", ErrArgument, u.Ablate)
	case u.Ablate > 0 && u.Growth != GrowFanIn:
		return fmt.Errorf("%w: found the share of ablation %v with growth %s, expected it with %s alone", ErrArgument, u.Ablate, u.Growth, GrowFanIn)
	}
	return nil
}

// check is Check with the other arguments of an update.
func (u Update) check(t *Topology, values, scores []float32, tensor int) error {
	if err := u.Check(); err != nil {
		return err
	}
	if len(values) != t.NNZ()*t.BlockSize() {
		return fmt.Errorf("%w: found %d values, expected %d", ErrArgument, len(values), t.NNZ()*t.BlockSize())
	}
	if u.Growth == GrowGradient {
		if len(scores) != t.Positions() {
			return fmt.Errorf("%w: found %d growth scores, expected %d", ErrArgument, len(scores), t.Positions())
		}
		for p, score := range scores {
			if !finite(score) {
				return fmt.Errorf("%w: position %d: found the growth score %v", ErrNotFinite, p, score)
			}
		}
	}
	return checkTensor(tensor)
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
// that do not mix: one of all rows, or each row.
func (s *Scratch) choose(t *Topology, scores []float32, u Update, tensor int) int {
	k := s.share(t, u, tensor)
	ablated := s.ablate(t, u, k, tensor)
	cols := t.BlockCols()
	step := t.BlockRows() / len(s.prunes)
	s.pruned = resize(s.pruned, words(t.NNZ()))
	clear(s.pruned)
	for g, k := range s.prunes {
		s.prune(t.RowSlot[t.RowPtr[g*step]:t.RowPtr[(g+1)*step]], int(k))
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
	key := u.growKey(scores, tensor)
	for g, k := range s.grows {
		s.grow(g*step*cols, (g+1)*step*cols, int(k), key)
	}
	return ablated
}

// prune marks in s.pruned the k slots of the group with the smallest keys.
func (s *Scratch) prune(group []int32, k int) {
	if k == 0 {
		return
	}
	s.keys = resize(s.keys, len(group))
	for i, slot := range group {
		s.keys[i] = s.norms[slot]
	}
	threshold, _ := s.smallest(s.keys, k)
	for _, slot := range group {
		if s.norms[slot] <= threshold {
			set(s.pruned, int(slot))
		}
	}
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
func (u Update) growKey(scores []float32, tensor int) func(p int) uint64 {
	if u.Growth == GrowGradient {
		return func(p int) uint64 { return descending(scores[p]) }
	}
	return func(p int) uint64 {
		return philox.Key64(u.Seed, philox.Regrow, uint32(p), uint32(u.Number), uint32(tensor))
	}
}

// descending maps a finite score to a key that falls as the score rises. It
// gives -0 and +0 one key.
func descending(score float32) uint64 {
	b := math.Float32bits(score)
	if b<<1 == 0 {
		b = 0
	}
	if b>>31 == 0 {
		b = ^b &^ (1 << 31)
	}
	return uint64(b) << 32
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
