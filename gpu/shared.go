package gpu

// Shared is a [Driver] whose memory and streams another library can work with, in the same process: NCCL,
// which moves data between the GPUs of several processes.
type Shared interface {
	Driver
	// UUID is that of the GPU, which no other one has.
	UUID() [16]byte
	// Enter makes the GPU the one of the calling OS thread, for the calls of the library. The caller has
	// locked its goroutine to the thread. What the library has made on the GPU outlives Close: it may be
	// ended later.
	Enter() error
	// Address is where the library finds the n bytes at p, which lie in one allocation. It may write to
	// them where write is true; they count as written then.
	Address(p Ptr, n int64, write bool) (uintptr, error)
	// StreamHandle is the stream as the library takes it.
	StreamHandle(s Stream) (uintptr, error)
	// Passed says whether what was queued on the event's stream before it was recorded is done, without
	// waiting for it.
	Passed(e Event) (bool, error)
}
