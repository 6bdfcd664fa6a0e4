package backend

// Device is the implementation of a backend: the operations of Backend for
// arguments that are valid. New puts the check of arguments before it, so a Device
// repeats none of its rules and may assert the types of the buffers and parameters
// that it is given.
//
// What a Device checks itself is what only it can see: integers in its memory (ids,
// segments, labels, lengths, row indices), births of blocks, numbers that are not
// finite in a topology update, dtypes and sizes that it does not support, and its
// own failures. All become the one error that sticks. Its operations are called
// while Err is nil only, but for Name, Describe, Activation, MemoryBytes, Sync and
// Close. Capabilities gives the device's own, without checks.
type Device interface {
	Backend
	// Err returns the first error so far, without waiting for queued work.
	Err() error
	// Fail makes err the first error of the device's life, unless there is one.
	Fail(err error)
}

// New returns the backend of a device. It checks the arguments of every operation
// by the rules of the package comment and hands over those that are valid. The
// first that is not becomes the device's error, in the form
//
//	device: operation: argument (name): found X, expected Y
//
// After an error, of the device or of an argument, operations do nothing. A call
// with valid arguments allocates nothing here.
func New(d Device) Backend {
	return &checked{device: d, optional: d.Capabilities(), listed: map[Param]struct{}{}}
}

// checked is a device behind the check of arguments.
type checked struct {
	device   Device
	optional Capabilities       // of the device, without checks
	listed   map[Param]struct{} // parameters of one list, while it is checked
}

func (c *checked) Name() string       { return c.device.Name() }
func (c *checked) Describe() string   { return c.device.Describe() }
func (c *checked) Activation() DType  { return c.device.Activation() }
func (c *checked) MemoryBytes() int64 { return c.device.MemoryBytes() }
func (c *checked) Sync() error        { return c.device.Sync() }
func (c *checked) Close() error       { return c.device.Close() }

func (c *checked) BeginStep(s StepScalars) {
	if c.device.Err() == nil {
		c.device.BeginStep(s)
	}
}
