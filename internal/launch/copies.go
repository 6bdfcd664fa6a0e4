package launch

import "github.com/sparsebert/sparsebert-gpu/backend"

// Copies are the working copies in bfloat16 that a weight has for its products,
// beside its float32 master, in bytes. Fields of other families are 0.
type Copies struct {
	// Fragments: W for DSD and W^T for DDS, each [nnzb][B][B] in the order of the
	// matrix instruction's fragments.
	Fragments int64
	// Gathered: a copy in the order of the row view and one of the column view.
	Views [2]ViewCopy
	// Dense: W row by row [O][Pitch], rows starting at 16 bytes. A dense weight gets
	// its copy from its first product: many have none.
	Rows  int64
	Pitch int
}

// ViewCopy is a weight's values in the order of one of its views, four blocks a
// step, and steps enough for any topology.
type ViewCopy struct {
	Weight  int64 // [steps][4 blocks][B][B] bfloat16
	Columns int64 // [steps][4] int32
	Counts  int64 // [groups] int32
}

// CopyUnits is how many rows, groups or pieces of a copy a thread block makes.
const CopyUnits = 4

// CopiesOf returns the working copies of a weight with activations of that dtype.
func CopiesOf(act backend.DType, w Weight) (c Copies) {
	switch FamilyOf(act, w) {
	case Fragments:
		c.Fragments = 2 * int64(w.values())
	case Gathered:
		c.Views = [2]ViewCopy{w.viewCopy(w.Out / w.Block), w.viewCopy(w.In / w.Block)}
	case Dense:
		c.Pitch = ceil(w.In, 8) * 8
		c.Rows = 2 * int64(w.Out) * int64(c.Pitch)
	}
	return c
}

// viewCopy is the copy of a view with so many groups.
func (w Weight) viewCopy(groups int) ViewCopy {
	steps := w.NNZB/4 + groups
	if w.Block == 4 { // all blocks of a group may want the same two places
		steps = w.NNZB/2 + groups
	}
	steps++ // read ahead, never used
	return ViewCopy{8 * int64(steps) * int64(w.Block*w.Block), 16 * int64(steps), 4 * int64(groups)}
}
