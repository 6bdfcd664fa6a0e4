package cpu

// Sizes that tests must exceed.
const (
	MostChunk   = mostChunk
	StreamBytes = streamBytes
	PartBytes   = partBytes
)

// HalveFrom lets a weight gradient of n chunks of tokens and more have halves.
func (b *Backend) HalveFrom(n int) { b.device.halveFrom = n }

// PartFrom lets weights of more than n bytes be multiplied in parts.
func (b *Backend) PartFrom(n int) { b.device.partFrom = n }

// StreamFrom lets results of n bytes and more go past the caches.
func (b *Backend) StreamFrom(n int) { b.device.streamFrom = n }
