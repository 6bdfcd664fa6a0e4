package cpu

// Sizes that tests must exceed.
const (
	MostChunk   = mostChunk
	StreamBytes = streamBytes
)

// HalveFrom lets a weight gradient of n chunks of tokens and more have halves.
func (b *Backend) HalveFrom(n int) { b.halveFrom = n }

// StreamFrom lets results of n bytes and more go past the caches.
func (b *Backend) StreamFrom(n int) { b.streamFrom = n }
