package sparse

import (
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/internal/enum"
)

// Prune is what to prune: a row of the table of prune criteria.
type Prune uint8

// The prune criteria that are there from the start.
const (
	PruneNorm     Prune = iota // the smallest norm, Update.Norm
	PruneSaliency              // the smallest saliency: sum of |w m|, m Adam's first moment
)

// PruneCriterion is a row of that table: a score of active blocks, the smallest of which
// are pruned.
type PruneCriterion struct {
	Name string // the word of flags and files
	Help string // what is pruned, for --help

	// Score returns the score of a block: a finite number, not below 0. It depends on
	// its arguments alone, keeps and changes nothing. It may be called from several goroutines.
	Score func(b *BlockState, u *Update) float32
	// Moments: Score reads BlockState.M or V.
	Moments bool
}

// BlockState is an active block as a prune criterion sees it.
type BlockState struct {
	Values  []float32 // [B][B]
	M, V    []float32 // [B][B], Adam's moments; nil unless the criterion says that it reads them
	Start   bool      // active from the start on
	Age     int64     // optimizer steps since it became active
	Updates int       // topology updates since then, this one included
}

var pruneTable = []PruneCriterion{
	{Name: "norm", Help: "the smallest norm", Score: func(b *BlockState, u *Update) float32 { return BlockNorm(b.Values, u.Norm) }},
	{Name: "saliency", Help: "the smallest sum of |w m|, m Adam's first moment",
		Score: func(b *BlockState, _ *Update) float32 { return BlockSaliency(b.Values, b.M) }, Moments: true},
}

// Prunes returns all rows of the table of prune criteria.
func Prunes() []Prune {
	all := make([]Prune, len(pruneTable))
	for i := range all {
		all[i] = Prune(i)
	}
	return all
}

// AddPrune adds a criterion to the table. It is called before the first use of the
// table, best from an init function: nothing guards it. A device that has no kernels for
// the criterion refuses it. Error: ErrArgument for a name that is taken or is no word of
// lower-case letters, digits and hyphens, for a missing Score, and for a table of 256.
func AddPrune(c PruneCriterion) (Prune, error) {
	if err := checkRow("prune criterion", c.Name, len(pruneTable), pruneNames.Words()); err != nil {
		return 0, err
	}
	if c.Score == nil {
		return 0, fmt.Errorf("%w: prune criterion %s: found no score, expected one", ErrArgument, c.Name)
	}
	pruneTable = append(pruneTable, c)
	pruneNames = pruneWords()
	return Prune(len(pruneTable) - 1), nil
}

func pruneWords() enum.Names[Prune] {
	var words []string
	for _, c := range pruneTable {
		words = append(words, c.Name)
	}
	return enum.New[Prune]("prune criterion", ErrName, words...)
}

// Criterion returns the row of p; its Name is empty where there is none.
func (p Prune) Criterion() PruneCriterion {
	if int(p) < len(pruneTable) {
		return pruneTable[p]
	}
	return PruneCriterion{}
}

// BlockSaliency returns the sum of |w m| over the elements of one block, in float32: the
// L1 norm of the products, each rounded, in the order of BlockNorm. Both are [B*B].
// Source: Molchanov et al., arXiv 1906.10771, with the moment for the gradient.
func BlockSaliency(w, m []float32) float32 {
	var s [lanes]float32
	for i, x := range w {
		s[i%lanes] += abs(float32(x * m[i])) // the conversion forbids fusing
	}
	for off := lanes / 2; off > 0; off /= 2 {
		for l := range off {
			s[l] += s[l+off]
		}
	}
	return s[0]
}

// score names what the update compares, for errors.
func (u Update) score() string {
	if u.Prune == PruneNorm {
		return u.Norm.String() + " norm"
	}
	return u.Prune.String()
}

// protects tells whether Protect keeps the update from pruning a block that update
// newAt activated.
func (u Update) protects(newAt int32) bool {
	return u.Protect > 0 && newAt > 0 && u.Number-int(newAt) <= u.Protect
}

// rank sets s.norms to the prune key of every slot: the score's bits, then the
// position. Keys are distinct.
func (s *Scratch) rank(t *Topology, x Arrays, u Update, tensor int) error {
	s.norms = resize(s.norms, t.NNZ())
	size, criterion := t.BlockSize(), u.Prune.Criterion()
	var b BlockState
	for slot := range s.norms {
		from, to := slot*size, (slot+1)*size
		b.Values, b.Start = x.Values[from:to], t.NewAt[slot] == 0
		b.Age, b.Updates = u.Step-int64(t.Born[slot]), u.Number-int(t.NewAt[slot])
		if criterion.Moments {
			b.M, b.V = x.M[from:to], x.V[from:to]
		}
		score := criterion.Score(&b, &u)
		if u.Ages != nil {
			score *= u.Ages.factor(b.Start, t.Born[slot], tensor)
		}
		if !finite(score) || score < 0 {
			return fmt.Errorf("%w: slot %d, block row %d, column %d: found the %s %v",
				ErrNotFinite, slot, t.Rows[slot], t.Cols[slot], u.score(), score)
		}
		// Scores have no sign bit, so they and their bits are in the same order.
		s.norms[slot] = uint64(math.Float32bits(score)&^(1<<31))<<32 | uint64(t.Position(slot))
	}
	return nil
}
