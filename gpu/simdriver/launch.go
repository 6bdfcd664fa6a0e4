package simdriver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
)

// parsed holds the modules of the process: reading PTX is slow, tests open many
// drivers, and modules are immutable.
var parsed sync.Map // of parsedKey to func() (*ptxsim.Module, error)

type parsedKey struct {
	name string
	hash [sha256.Size]byte
}

func parse(name string, ptx []byte) (*ptxsim.Module, error) {
	key := parsedKey{name, sha256.Sum256(ptx)}
	once, found := parsed.Load(key)
	if !found {
		text := string(ptx)
		once, _ = parsed.LoadOrStore(key, sync.OnceValues(func() (*ptxsim.Module, error) { return ptxsim.Parse(name, text) }))
	}
	return once.(func() (*ptxsim.Module, error))()
}

// Load reads PTX text; name stands for it in errors. A target that the device does not run is
// an error, and so is a kernel with more static shared memory than CUDA promises, 48 KiB.
func (d *Driver) Load(name string, ptx []byte) (h gpu.Module, err error) {
	err = d.call("load module", name, true, func() error {
		if !bytes.Contains(ptx, []byte(".version")) {
			return fmt.Errorf("%w: found no .version directive, expected one", ptxsim.ErrLoad)
		}
		m, err := parse(name, ptx)
		if err != nil {
			return err
		}
		if !m.Target().RunsOn(d.opt.Major, 0) {
			return fmt.Errorf("%w: found .target %v, expected one for a GPU of compute capability %d.0", ptxsim.ErrLoad, m.Target(), d.opt.Major)
		}
		if slices.Contains(d.modules, m) {
			// Its variables have memory here already; a second load gets its own.
			if m, err = ptxsim.Parse(name, string(ptx)); err != nil {
				return err
			}
		}
		for _, k := range m.Kernels() {
			if n := m.Kernel(k).SharedBytes(); n > staticBytes {
				return fmt.Errorf("kernel %s has %d bytes of static shared memory, expected at most %d", k, n, staticBytes)
			}
		}
		d.modules = append(d.modules, m)
		h = gpu.Module(len(d.modules))
		return nil
	})
	return h, err
}

// Function returns the module's kernel called name.
func (d *Driver) Function(m gpu.Module, name string) (f gpu.Function, err error) {
	err = d.call("find kernel", name, true, func() error {
		if m == 0 || m > gpu.Module(len(d.modules)) {
			return fmt.Errorf("module %d: no such module", m)
		}
		k := d.modules[m-1].Kernel(name)
		if k == nil {
			return fmt.Errorf("not in the module, which has %v", d.modules[m-1].Kernels())
		}
		d.functions = append(d.functions, k)
		f = gpu.Function(len(d.functions))
		return nil
	})
	return f, err
}

// LoadMachineCode fails: the simulator executes PTX alone.
func (d *Driver) LoadMachineCode(name string, _, _ []byte) (gpu.Module, error) {
	return 0, d.call("load machine code", name, true, func() error {
		return errors.New("found machine code, expected PTX, which alone the simulator executes")
	})
}

// Attributes returns the local memory that the PTX declares. PTX has no registers of a
// GPU, and nothing spills.
func (d *Driver) Attributes(f gpu.Function) gpu.Attributes {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f == 0 || f > gpu.Function(len(d.functions)) {
		return gpu.Attributes{}
	}
	return gpu.Attributes{LocalBytes: d.functions[f-1].LocalBytes()}
}

// Launch runs a kernel to its end, or makes it part of the graph if s is
// captured. Each argument is the low bytes of its words. The error wraps the
// *ptxsim.Fault of a kernel that went wrong.
func (d *Driver) Launch(s gpu.Stream, f gpu.Function, grid, block gpu.Dim3, shared int, args []uint64) error {
	return d.launch(s, f, grid, block, shared, func(sizes []int) ([][]byte, error) {
		words := 0
		for _, n := range sizes {
			words += (n + 7) / 8
		}
		if len(args) != words {
			return nil, fmt.Errorf("%w: %d words of arguments, expected %d", ptxsim.ErrLaunch, len(args), words)
		}
		values := make([][]byte, len(sizes))
		for i, n := range sizes {
			for ; len(values[i]) < n; args = args[1:] {
				values[i] = binary.LittleEndian.AppendUint64(values[i], args[0])
			}
			values[i] = values[i][:n]
		}
		return values, nil
	})
}

// LaunchBytes is Launch for arguments of any size, such as structs and tensor maps:
// each is as many bytes as the kernel declares.
func (d *Driver) LaunchBytes(s gpu.Stream, f gpu.Function, grid, block gpu.Dim3, shared int, args [][]byte) error {
	return d.launch(s, f, grid, block, shared, func(sizes []int) ([][]byte, error) {
		if len(args) != len(sizes) {
			return nil, fmt.Errorf("%w: %d arguments, expected %d", ptxsim.ErrLaunch, len(args), len(sizes))
		}
		values := make([][]byte, len(sizes))
		for i, n := range sizes {
			if len(args[i]) != n {
				return nil, fmt.Errorf("%w: argument %d has %d bytes, expected %d", ptxsim.ErrLaunch, i, len(args[i]), n)
			}
			values[i] = bytes.Clone(args[i]) // a captured launch runs later
		}
		return values, nil
	})
}

// launch is Launch with the arguments that marshal returns for parameters of such sizes.
func (d *Driver) launch(s gpu.Stream, f gpu.Function, grid, block gpu.Dim3, shared int, marshal func(sizes []int) ([][]byte, error)) error {
	return d.call("launch", "", false, func() error {
		if f == 0 || f > gpu.Function(len(d.functions)) {
			return fmt.Errorf("function %d: no such function", f)
		}
		k := d.functions[f-1]
		fail := func(err error) error {
			return &gpu.Error{Op: "launch", What: k.Name(), Grid: grid, Block: block, Err: err}
		}
		if _, err := d.stream(s); err != nil {
			return fail(err)
		}
		values, err := marshal(k.ParamSizes())
		if err != nil {
			return fail(err)
		}
		if err := d.check(k, grid, block, shared); err != nil {
			return fail(err)
		}
		return d.submit(s, "kernel "+k.Name(), func() error {
			c, err := d.dev.Launch(context.Background(), k, ptxsim.Dim3(grid), ptxsim.Dim3(block), shared, values...)
			if err != nil {
				return fail(err)
			}
			d.footprint = d.dev.Footprint()
			total := d.counters[k.Name()]
			total.Launches++
			accumulate(reflect.ValueOf(&total.Work).Elem(), reflect.ValueOf(Work(c)))
			d.counters[k.Name()] = total
			d.note(k, grid, block, shared, c)
			return nil
		})
	})
}

// check finds what a GPU's driver finds before a launch, so that it is found
// during a capture too.
func (d *Driver) check(k *ptxsim.Kernel, grid, block gpu.Dim3, shared int) error {
	if static := k.SharedBytes(); shared < 0 || shared > d.opt.SharedBytes-static {
		return fmt.Errorf("%w: %d static and %d dynamic bytes of shared memory, expected at most %d", ptxsim.ErrLaunch, static, shared, d.opt.SharedBytes)
	}
	if n := k.ClusterBlocks(); n > portableCluster {
		return fmt.Errorf("%w: clusters of %d blocks, expected at most %d: no driver here asks for more", ptxsim.ErrLaunch, n, portableCluster)
	}
	for _, v := range []struct {
		what    string
		d       gpu.Dim3
		x, y, z int
	}{{"grid", grid, 1<<31 - 1, 65535, 65535}, {"block", block, 1024, 1024, 64}} {
		if v.d.X < 1 || v.d.Y < 0 || v.d.Z < 0 || v.d.X > v.x || v.d.Y > v.y || v.d.Z > v.z {
			return fmt.Errorf("%w: %s %v, expected 1 to (%d,%d,%d)", ptxsim.ErrLaunch, v.what, v.d, v.x, v.y, v.z)
		}
	}
	if n := block.X * max(block.Y, 1) * max(block.Z, 1); n > 1024 {
		return fmt.Errorf("%w: %d threads in a block, expected at most 1024", ptxsim.ErrLaunch, n)
	}
	return nil
}

// ParamSizes returns the bytes of a kernel's parameters, as its PTX declares them; none of a handle that is none.
func (d *Driver) ParamSizes(f gpu.Function) []int {
	if k := d.kernel(f); k != nil {
		return k.ParamSizes()
	}
	return nil
}

// StaticShared returns the bytes of a kernel's static shared memory; 0 of a handle that is none.
func (d *Driver) StaticShared(f gpu.Function) int {
	if k := d.kernel(f); k != nil {
		return k.SharedBytes()
	}
	return 0
}

// kernel returns a function, or nil.
func (d *Driver) kernel(f gpu.Function) *ptxsim.Kernel {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f == 0 || f > gpu.Function(len(d.functions)) {
		return nil
	}
	return d.functions[f-1]
}
