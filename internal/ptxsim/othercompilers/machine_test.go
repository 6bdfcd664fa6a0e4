package othercompilers

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
)

// device is a machine of ptxsim alone.
type device struct {
	*ptxsim.Device
	kernel *ptxsim.Kernel
}

func newDevice(o ptxsim.Options) *device { return &device{Device: ptxsim.NewDevice(o)} }

func (d *device) load(name, text, kernel string) ([]int, error) {
	m, err := ptxsim.Parse(name, text)
	if err != nil {
		return nil, err
	}
	if d.kernel = m.Kernel(kernel); d.kernel == nil {
		return nil, fmt.Errorf("kernels %v, expected %s", m.Kernels(), kernel)
	}
	return d.kernel.ParamSizes(), nil
}

func (d *device) alloc(n int, label string, content []byte) ([]byte, error) {
	p, err := d.Alloc(n, label)
	if err == nil && content != nil {
		err = d.CopyIn(p, content)
	}
	return ptxsim.Addr(p), err
}

func (d *device) launch(t testing.TB, c *kernelCase, args [][]byte) error {
	_, err := d.Launch(t.Context(), d.kernel, ptxsim.Dim3{X: c.Grid[0], Y: c.Grid[1], Z: c.Grid[2]}, ptxsim.Dim3{X: c.Block[0], Y: c.Block[1], Z: c.Block[2]}, c.Shared, args...)
	return err
}

func (d *device) copyOut(dst, address []byte) error {
	return d.CopyOut(dst, ptxsim.Ptr(binary.LittleEndian.Uint64(address)))
}

// driver is a machine behind gpu.Driver.
type driver struct {
	*simdriver.Driver
	function gpu.Function
}

func newDriver(o simdriver.Options) *driver { return &driver{Driver: simdriver.New(o)} }

func (d *driver) load(name, text, kernel string) ([]int, error) {
	m, err := d.Load(name, []byte(text))
	if err != nil {
		return nil, err
	}
	if d.function, err = d.Function(m, kernel); err != nil {
		return nil, err
	}
	return nil, nil
}

func (d *driver) alloc(n int, label string, content []byte) ([]byte, error) {
	p, err := d.Alloc(int64(n), label)
	if err == nil && content != nil {
		err = d.CopyIn(0, p, content)
	}
	return binary.LittleEndian.AppendUint64(nil, uint64(p)), err
}

func (d *driver) launch(_ testing.TB, c *kernelCase, args [][]byte) error {
	err := d.LaunchBytes(0, d.function, gpu.Dim3{X: c.Grid[0], Y: c.Grid[1], Z: c.Grid[2]}, gpu.Dim3{X: c.Block[0], Y: c.Block[1], Z: c.Block[2]}, c.Shared, args)
	if err != nil {
		return err
	}
	return d.Sync(0)
}

func (d *driver) copyOut(dst, address []byte) error {
	return d.CopyOut(0, dst, gpu.Ptr(binary.LittleEndian.Uint64(address)))
}
