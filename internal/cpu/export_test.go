package cpu

// Sizes that tests must exceed.
const (
	MostChunk   = mostChunk
	StreamBytes = streamBytes
)
