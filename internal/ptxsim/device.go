package ptxsim

import (
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"sync"
)

// Options are the limits of a device; zero values mean the defaults.
type Options struct {
	MemoryBytes     int64      // global memory; default 4 GiB
	SharedBytes     int        // shared memory of a block, static and dynamic; default 232448, as on an H100
	Threads         int        // goroutines that run blocks; default GOMAXPROCS
	BlockRaces      bool       // find races in global memory, within a block and between blocks; slow, on one goroutine, with 20 bytes more for each byte touched
	MaxInstructions int64      // warp instructions that one block may execute before ErrDeadlock; default 1 << 33
	Seed            uint64     // of a random order of blocks, warps and their turns, on one goroutine; default 0: always the same order
	Perturb         uint64     // seed of errors as PTX allows them in .approx functions, and of orders of sums in mma; default 0: none
	Latencies       *Latencies // makes launches tell their time (Device.Timing), with the same results and counters; slower
}

// Device holds global memory and runs kernels, one at a time. Its methods may
// be called from several goroutines; each waits for those that run.
type Device struct {
	opt Options

	mu      sync.Mutex
	slots   []*allocation
	used    int64
	symbols map[*Module]map[*symbol]Ptr
	timing  *Timing // of the latest launch

	footprint *Footprint // of the latest launch

	memoryMu sync.Mutex
	memory   []*blockMemory // that no launch uses
}

// NewDevice returns a device with empty memory.
func NewDevice(opt Options) *Device {
	if opt.MemoryBytes == 0 {
		opt.MemoryBytes = 4 << 30
	}
	if opt.SharedBytes == 0 {
		opt.SharedBytes = 232448
	}
	if opt.Threads <= 0 {
		opt.Threads = runtime.GOMAXPROCS(0)
	}
	if opt.MaxInstructions == 0 {
		opt.MaxInstructions = 1 << 33
	}
	return &Device{opt: opt, slots: make([]*allocation, 1), symbols: map[*Module]map[*symbol]Ptr{}}
}

// load gives the module's variables memory on this device, once. The caller
// holds d.mu.
func (d *Device) load(m *Module) (map[*symbol]Ptr, error) {
	if at := d.symbols[m]; at != nil {
		return at, nil
	}
	at := map[*symbol]Ptr{}
	for _, y := range m.globals {
		p, err := d.alloc(y.size, y.name)
		if err != nil {
			return nil, fmt.Errorf("load module %s: %w", m.name, err)
		}
		a, _ := d.find(uint64(p))
		copy(a.data, y.init)
		// PTX gives variables without an initial value the value 0.
		fill(a.state, 1)
		at[y] = p
	}
	for _, y := range m.globals {
		a, _ := d.find(uint64(at[y]))
		for _, l := range y.links {
			store(a.data[l.off:], 8, uint64(at[l.to])+l.add)
		}
		a.readOnly = y.space == spaceConst
	}
	d.symbols[m] = at
	return at, nil
}

// Symbol returns the address and size of the module's .global or .const
// variable called name, giving the module memory if it has none yet.
func (d *Device) Symbol(m *Module, name string) (Ptr, int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at, err := d.load(m)
	if err != nil {
		return 0, 0, err
	}
	y := m.top.names[name]
	if y == nil || y.space != spaceGlobal && y.space != spaceConst {
		return 0, 0, fmt.Errorf("ptxsim: module %s has no global or constant variable %s", m.name, name)
	}
	return at[y], y.size, nil
}

// Addr marshals an address as a kernel argument.
func Addr(p Ptr) []byte { return U64(uint64(p)) }

// U32 marshals a 32-bit integer as a kernel argument.
func U32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }

// U64 marshals a 64-bit integer as a kernel argument.
func U64(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }

// F32 marshals a float as a kernel argument.
func F32(v float32) []byte { return U32(math.Float32bits(v)) }
