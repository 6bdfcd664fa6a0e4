package gpu

import (
	"errors"
	"math"
	"time"
)

// planDriver is the device of a plan: it hands out addresses and does nothing
// else. It is used from one goroutine.
type planDriver struct {
	name, describe string
	uuid           [16]byte // of the device; zero: it shares nothing
	properties     Properties
	next           Ptr
	memory         map[Ptr]*planMemory
	closed         bool
}

// planMemory is an allocation of which only the last Memset is remembered: status
// words of a device on which nothing went wrong must read as they were set.
type planMemory struct {
	bytes int64
	value byte
}

// newPlanDriver plans for the device of drv.
func newPlanDriver(drv Driver) *planDriver {
	p := &planDriver{
		name: drv.Name(), describe: "plan for " + drv.Describe(), properties: drv.Properties(),
		next: 1 << 20, memory: map[Ptr]*planMemory{},
	}
	p.properties.MachineCode = false // nothing is loaded
	if s, ok := drv.(Shared); ok {
		p.uuid = s.UUID()
	}
	return p
}

var errPlanMemory = errors.New("found an address in no allocation of the plan, expected one")

func (d *planDriver) Name() string           { return d.name }
func (d *planDriver) Describe() string       { return d.describe }
func (d *planDriver) Properties() Properties { return d.properties }
func (d *planDriver) UUID() [16]byte         { return d.uuid }

func (d *planDriver) Alloc(n int64, label string) (Ptr, error) {
	if n < 1 || d.next > math.MaxInt64-Ptr(n)-512 {
		return 0, &Error{Op: "allocate", What: label, Err: errors.New("found a size that no device has, expected less")}
	}
	p := d.next
	d.next += Ptr((n + 511) &^ 255) // no two allocations touch
	d.memory[p] = &planMemory{bytes: n}
	return p, nil
}

func (d *planDriver) Free(p Ptr) error {
	if d.memory[p] == nil {
		return &Error{Op: "free", Err: errPlanMemory}
	}
	delete(d.memory, p)
	return nil
}

// Memory says that there is always room: the plan asks how much it takes.
func (d *planDriver) Memory() (free, total int64, err error) {
	return d.properties.MemoryBytes, d.properties.MemoryBytes, nil
}

func (d *planDriver) AllocPinned(n int) ([]byte, error) { return make([]byte, n), nil }
func (d *planDriver) FreePinned([]byte) error           { return nil }

func (d *planDriver) CopyIn(Stream, Ptr, []byte) error { return nil }

// CopyOut gives what an allocation was last set to; parts of one give 0.
func (d *planDriver) CopyOut(_ Stream, dst []byte, src Ptr) error {
	value := byte(0)
	if m := d.memory[src]; m != nil {
		value = m.value
	}
	if value == 0 {
		clear(dst) // which is quick
		return nil
	}
	for i := range dst {
		dst[i] = value
	}
	return nil
}

func (d *planDriver) Copy(Stream, Ptr, Ptr, int64) error { return nil }

func (d *planDriver) Memset(_ Stream, dst Ptr, v byte, _ int64) error {
	if m := d.memory[dst]; m != nil {
		m.value = v
	}
	return nil
}

func (d *planDriver) Load(string, []byte) (Module, error)                      { return 1, nil }
func (d *planDriver) LoadMachineCode(string, []byte, []byte) (Module, error)   { return 1, nil }
func (d *planDriver) Attributes(Function) Attributes                           { return Attributes{} }
func (d *planDriver) Function(Module, string) (Function, error)                { return 1, nil }
func (d *planDriver) Launch(Stream, Function, Dim3, Dim3, int, []uint64) error { return nil }
func (d *planDriver) EncodeTensorMap(Matrix) (TensorMap, error)                { return TensorMap{}, nil }
func (d *planDriver) NewStream() (Stream, error)                               { return 1, nil }
func (d *planDriver) Follow(Stream, Stream) error                              { return nil }
func (d *planDriver) Sync(Stream) error                                        { return nil }
func (d *planDriver) NewEvent() (Event, error)                                 { return 1, nil }
func (d *planDriver) Record(Event, Stream) error                               { return nil }
func (d *planDriver) Wait(Event) error                                         { return nil }
func (d *planDriver) Elapsed(Event, Event) (time.Duration, error)              { return 0, nil }
func (d *planDriver) BeginCapture(Stream) error                                { return nil }
func (d *planDriver) EndCapture(Stream) (Graph, error)                         { return 1, nil }
func (d *planDriver) LaunchGraph(Graph, Stream) error                          { return nil }
func (d *planDriver) FreeGraph(Graph) error                                    { return nil }

// Close makes a second one an error, as of every driver.
func (d *planDriver) Close() error {
	if d.closed {
		return &Error{Op: "close", Err: errors.New("the driver is closed")}
	}
	d.closed, d.memory = true, nil
	return nil
}
