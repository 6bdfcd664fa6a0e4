package sparse

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/enum"
	"github.com/sparsebert/sparsebert-gpu/internal/philox"
)

// Growth is the way in which new blocks are chosen: a grow criterion under a row
// constraint. Its word is the criterion's, the constraint's for random growth, or both
// with a hyphen between them.
type Growth uint8

// The growths that are there from the start.
const (
	GrowRandom        Growth = iota // uniformly among the inactive positions
	GrowGradient                    // largest L1-pooled gradient (RigL)
	GrowFanIn                       // at random with the same number of blocks in every block row
	GrowGradientFanIn               // by gradient with the same number in every block row (SRigL)
)

// GrowCriterion is what to grow: a row of the table of grow criteria.
type GrowCriterion struct {
	Name string // the word of flags and files
	Help string // what grows, for --help

	// Key returns the key of an inactive position. Those with the smallest keys grow, of
	// equal keys the lower position. It depends on its argument alone and changes
	// nothing. It may be called from several goroutines.
	Key func(c *Candidate) uint64
	// Scores: Key reads Candidate.Score, so the trainer collects growth scores.
	Scores bool
}

// RowConstraint says which block rows may exchange blocks: a row of the table of row
// constraints.
type RowConstraint struct {
	Name string // the word of flags and files
	Help string // what it does, for --help
	// Rows is the number of successive block rows that exchange blocks, from the first row
	// on; the last group may be smaller. 0: all do. Each group keeps its number of blocks.
	Rows int
}

// Candidate is an inactive position as a grow criterion sees it.
type Candidate struct {
	Position int
	Score    float32 // the growth score; 0 unless the criterion says that it reads scores

	topology *Topology
	update   *Update
	tensor   int
}

// Draw returns a random number, uniform in 64 bits: Key(3, position, Number, tensor) of
// the package comment.
func (c *Candidate) Draw() uint64 {
	return philox.Key64(c.update.Seed, philox.Regrow, uint32(c.Position), uint32(c.update.Number), uint32(c.tensor))
}

// Explored tells whether a block was active there at some time.
func (c *Candidate) Explored() bool { return has(c.topology.Explored, c.Position) }

// Row returns the block row.
func (c *Candidate) Row() int { return c.Position / c.topology.BlockCols() }

// Col returns the block column.
func (c *Candidate) Col() int { return c.Position % c.topology.BlockCols() }

// Update returns the update.
func (c *Candidate) Update() Update { return *c.update }

var growTable = []GrowCriterion{
	{Name: "random", Help: "uniformly at random", Key: (*Candidate).Draw},
	{Name: "gradient", Help: "the largest gradients", Key: func(c *Candidate) uint64 { return Descending(c.Score) }, Scores: true},
}

var rowTable = []RowConstraint{
	{Name: "none", Help: "anywhere in the weight"},
	{Name: "fan-in", Help: "as many in every block row", Rows: 1},
}

// growthTable has the combinations, by Growth.
var growthTable = []struct{ criterion, rows int }{{0, 0}, {1, 0}, {0, 1}, {1, 1}}

// Growths returns all growths.
func Growths() []Growth {
	all := make([]Growth, len(growthTable))
	for i := range all {
		all[i] = Growth(i)
	}
	return all
}

// GrowthOf returns the growth of a grow criterion under a row constraint. Error: ErrName.
func GrowthOf(criterion, constraint string) (Growth, error) {
	for _, g := range Growths() {
		if g.Criterion().Name == criterion && g.Constraint().Name == constraint {
			return g, nil
		}
	}
	return 0, fmt.Errorf("%w: found no growth by %q under the row constraint %q", ErrName, criterion, constraint)
}

// AddGrow adds a criterion to the table, and with it a growth under each row constraint.
// It returns the one without. It is called before the first use of the table, best from
// an init function: nothing guards it. A device that has no kernels for the criterion
// refuses it. Error: ErrArgument for a name that is taken or is no word of lower-case
// letters, digits and hyphens, for a missing Key, and for more than 256 growths.
func AddGrow(c GrowCriterion) (Growth, error) {
	if err := checkRow("grow criterion", c.Name, len(growthTable)+len(rowTable)-1, growthNames.Words()); err != nil {
		return 0, err
	}
	if c.Key == nil {
		return 0, fmt.Errorf("%w: grow criterion %s: found no key, expected one", ErrArgument, c.Name)
	}
	first := Growth(len(growthTable))
	growTable = append(growTable, c)
	for rows := range rowTable {
		growthTable = append(growthTable, struct{ criterion, rows int }{len(growTable) - 1, rows})
	}
	growthNames = growthWords()
	return first, nil
}

// AddRows adds a row constraint to the table, and with it a growth by each grow
// criterion. It returns that of random growth. For the rest it is as AddGrow. Every
// device can do it.
func AddRows(c RowConstraint) (Growth, error) {
	if err := checkRow("row constraint", c.Name, len(growthTable)+len(growTable)-1, growthNames.Words()); err != nil {
		return 0, err
	}
	if c.Rows < 0 || c.Rows > math.MaxInt32 {
		return 0, fmt.Errorf("%w: row constraint %s: found groups of %d rows, expected 0 to %d", ErrArgument, c.Name, c.Rows, math.MaxInt32)
	}
	first := Growth(len(growthTable))
	rowTable = append(rowTable, c)
	for criterion := range growTable {
		growthTable = append(growthTable, struct{ criterion, rows int }{criterion, len(rowTable) - 1})
	}
	growthNames = growthWords()
	return first, nil
}

// checkRow checks the name of a row that is to be added to a table of which the last
// entry will have the number last.
func checkRow(kind, name string, last int, taken []string) error {
	strange := func(r rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-", r) }
	switch {
	case name == "" || strings.ContainsFunc(name, strange):
		return fmt.Errorf("%w: %s: found the name %q, expected lower-case letters, digits and hyphens", ErrArgument, kind, name)
	case slices.Contains(taken, name) || name == rowTable[0].Name:
		return fmt.Errorf("%w: %s: found the name %s, expected one that is not taken", ErrArgument, kind, name)
	case last > math.MaxUint8:
		return fmt.Errorf("%w: %s %s: found a full table, expected room for it", ErrArgument, kind, name)
	}
	return nil
}

func growthWords() enum.Names[Growth] {
	var words []string
	for _, g := range growthTable {
		criterion, rows := growTable[g.criterion].Name, rowTable[g.rows].Name
		switch {
		case g.rows == 0:
			words = append(words, criterion)
		case g.criterion == 0:
			words = append(words, rows)
		default:
			words = append(words, criterion+"-"+rows)
		}
	}
	return enum.New[Growth]("growth", ErrName, words...)
}

// Known tells whether there is such a growth.
func (g Growth) Known() bool { return int(g) < len(growthTable) }

// Criterion returns what grows; its Name is empty for an unknown growth.
func (g Growth) Criterion() GrowCriterion {
	if g.Known() {
		return growTable[growthTable[g].criterion]
	}
	return GrowCriterion{}
}

// Constraint returns the row constraint; its Name is empty for an unknown growth.
func (g Growth) Constraint() RowConstraint {
	if g.Known() {
		return rowTable[growthTable[g].rows]
	}
	return RowConstraint{}
}

// Scores tells whether updates read growth scores.
func (g Growth) Scores() bool { return g.Criterion().Scores }

// Ablatable tells whether each block row keeps its number of blocks, so that Update.Ablate
// has a meaning.
func (g Growth) Ablatable() bool { return g.Constraint().Rows == 1 }

// Balanced tells whether block rows start with the same number of blocks: there is a row
// constraint.
func (g Growth) Balanced() bool { return g.Constraint().Rows > 0 }

// groups returns how many successive block rows of a tensor exchange blocks, and how
// many groups of them there are.
func (g Growth) groups(s Shape) (rows, n int) {
	rows = g.Constraint().Rows
	if rows == 0 || rows > s.BlockRows() {
		rows = s.BlockRows()
	}
	return rows, (s.BlockRows() + rows - 1) / rows
}

// Descending maps a finite score to a key that falls as the score rises, for a
// GrowCriterion that grows the largest. It gives -0 and +0 one key.
func Descending(score float32) uint64 {
	b := math.Float32bits(score)
	if b<<1 == 0 {
		b = 0
	}
	if b>>31 == 0 {
		b = ^b &^ (1 << 31)
	}
	return uint64(b) << 32
}
