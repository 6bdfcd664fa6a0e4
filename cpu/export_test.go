package cpu

// Sizes that tests must exceed.
const (
	MostChunk        = mostChunk
	NonTemporalBytes = nonTemporalBytes
	PartBytes        = partBytes
)

// SplitKFrom lets a weight gradient of n chunks of tokens and more have split-K partials.
func (b *Backend) SplitKFrom(n int) { b.device.splitKFrom = n }

// PartFrom lets weights of more than n bytes be multiplied in parts.
func (b *Backend) PartFrom(n int) { b.device.partFrom = n }

// NonTemporalFrom lets results of n bytes and more have non-temporal stores.
func (b *Backend) NonTemporalFrom(n int) { b.device.nonTemporalFrom = n }
