package sparse

import "errors"

var (
	// ErrShape is returned when a shape cannot be cut into blocks: a size is not
	// positive, not a multiple of the block size, the block size is not one of
	// BlockSizes, or there are more positions than an int32 counts.
	ErrShape = errors.New("invalid block-sparse shape")

	// ErrTopology is returned when a topology breaks an invariant: see
	// Topology.Check.
	ErrTopology = errors.New("invalid topology")

	// ErrArgument is returned when a number or the length of a slice is outside
	// what the function accepts.
	ErrArgument = errors.New("invalid argument")

	// ErrNotFinite is returned by an update that meets a block norm or a growth
	// score that is NaN or infinite. The topology is unchanged.
	ErrNotFinite = errors.New("not a finite number")

	// ErrEmptyTensor is returned by Distribute when a density leaves a tensor
	// without a block.
	ErrEmptyTensor = errors.New("tensor without an active block")

	// ErrName is returned by MarshalText and UnmarshalText for a constant or a text
	// that there is not.
	ErrName = errors.New("unknown name")
)
