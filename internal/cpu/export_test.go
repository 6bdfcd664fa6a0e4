package cpu

// Sizes that tests must exceed.
const (
	MostChunk   = mostChunk
	StreamBytes = streamBytes
)

// StreamFrom lets results of n bytes and more go past the caches.
func (b *Backend) StreamFrom(n int) { b.streamFrom = n }
