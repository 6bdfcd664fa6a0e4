package gpu

import (
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Faults, as enum Fault of kernels/include/topology.cuh numbers them.
const (
	noFault = int32(iota)
	badRow
	badCol
	badCount
	badBorn
	badNewAt
	badStart
	notExplored
	exploredBeyond
	badRowPtr
	badRowSlot
	badColPtr
	badColSlot
	scoreNotFinite
	normNotFinite
	afterCommit
)

// err returns the fault of an update of a tensor with so many block columns, in
// the words of package sparse as far as the numbers in the report say it; nil
// where there is none.
func (r *topologyReport) err(blockCols int) error {
	if r.fault == noFault {
		return nil
	}
	kind, i, found, expected := sparse.ErrTopology, r.index, r.found, r.expected
	var what string
	switch r.fault {
	case badRow:
		what = fmt.Sprintf("slot %d: found block row %d, expected 0 to %d", i, found, expected)
	case badCol:
		what = fmt.Sprintf("slot %d: found block column %d, expected 0 to %d", i, found, expected)
	case badCount:
		what = fmt.Sprintf("found %d different blocks in the slots, expected %d", found, expected)
	case badBorn:
		what = fmt.Sprintf("slot %d: found Born %d, expected a step of 0 or more", i, found)
	case badNewAt:
		what = fmt.Sprintf("slot %d: found NewAt %d, expected an update of 0 or more", i, found)
	case badStart:
		what = fmt.Sprintf("slot %d: found Born %d in a starting block, expected 0", i, found)
	case notExplored:
		what = fmt.Sprintf("position %d: found its explored bit clear, expected it set, as the block is active", i)
	case exploredBeyond:
		what = fmt.Sprintf("found the explored bit of position %d, expected none from %d on", i, expected)
	case badRowPtr:
		what = fmt.Sprintf("row view: bound %d: found %d after %d, expected bounds that rise from 0 to the number of blocks", i, found, expected)
	case badColPtr:
		what = fmt.Sprintf("column view: bound %d: found %d after %d, expected bounds that rise from 0 to the number of blocks", i, found, expected)
	case badRowSlot:
		what = fmt.Sprintf("row view: entry %d: found slot %d, expected another by block row, then column", i, found)
	case badColSlot:
		what = fmt.Sprintf("column view: entry %d: found slot %d, expected another by block column, then row", i, found)
	case scoreNotFinite:
		kind = sparse.ErrNotFinite
		what = fmt.Sprintf("position %d: found the growth score %v, expected a finite one", i, math.Float32frombits(uint32(found)))
	case normNotFinite:
		kind = sparse.ErrNotFinite
		what = fmt.Sprintf("slot %d, block row %d, column %d: found the %s %v, expected a finite one",
			i, int(uint32(expected))/blockCols, int(uint32(expected))%blockCols, scoreNames[r.score], math.Float32frombits(uint32(found)))
	case afterCommit:
		what = fmt.Sprintf("after the commit: found %d different blocks, expected %d", found, expected)
	default:
		what = fmt.Sprintf("found fault %d, expected one that is known", r.fault)
	}
	return fmt.Errorf("topology update %d: %w: %s", r.number, kind, what)
}
