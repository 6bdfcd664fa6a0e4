package othercompilers

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
)

// kernelCase is one file of cases: a launch and what it must leave in memory.
type kernelCase struct {
	Name   string
	PTX    string
	Kernel string
	Grid   [3]int
	Block  [3]int
	Shared int
	Args   []argument
	Expect []expectation
}

// argument is a buffer with its content, or a scalar.
type argument struct {
	Name   string
	DType  string
	N      int
	Gen    generator
	Scalar string
	Value  json.Number
}

// generator says how the elements of a buffer are made.
type generator struct {
	Kind   string
	Seed   uint64
	Lo, Hi json.Number
	File   string
}

// expectation is the content of a buffer after the launch.
type expectation struct {
	Arg      string
	File     string
	Count    int
	Abs, Rel float64
}

// folder returns the folder of the cases, or skips the test.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", "..", "..", "..", "shared", "ptx-cases"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("PTX of other compilers is not there: %v", err)
	}
	return dir
}

func readCase(path string) (kernelCase, error) {
	var c kernelCase
	text, err := os.ReadFile(path)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// splitmix is the z of the generators for element i.
func splitmix(i int, seed uint64) uint64 {
	z := (uint64(i) + 1 + 1000003*seed) * 0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// content returns the bytes of a buffer; nil if it is not initialized.
func (a *argument) content(dir string) ([]byte, error) {
	e, ok := elements[a.DType]
	if !ok {
		return nil, fmt.Errorf("argument %s: type %q is not known", a.Name, a.DType)
	}
	if a.Gen.Kind == "file" {
		return os.ReadFile(filepath.Join(dir, "data", a.Gen.File))
	}
	lo, _ := a.Gen.Lo.Float64()
	hi, _ := a.Gen.Hi.Float64()
	first, _ := a.Gen.Lo.Int64()
	end, _ := a.Gen.Hi.Int64()
	out := make([]byte, 0, a.N*e.size)
	for i := range a.N {
		z := splitmix(i, a.Gen.Seed)
		var v uint64
		switch a.Gen.Kind {
		case "undef":
			return nil, nil
		case "zero":
		case "iota":
			v = uint64(int64(i) + first)
		case "uniform":
			v = e.encode(lo + (hi-lo)*float64(z>>40)*0x1p-24)
		case "int":
			v = uint64(first) + z%uint64(end-first)
		case "bits":
			v = z
		default:
			return nil, fmt.Errorf("argument %s: generator %q is not known", a.Name, a.Gen.Kind)
		}
		out = append(out, binary.LittleEndian.AppendUint64(nil, v)[:e.size]...)
	}
	return out, nil
}

// scalar returns the bytes of a scalar argument.
func (a *argument) scalar() ([]byte, error) {
	if a.Scalar == "f32" {
		v, err := a.Value.Float64()
		return ptxsim.F32(float32(v)), err
	}
	e, ok := elements[a.Scalar]
	if !ok {
		return nil, fmt.Errorf("argument %s: type %q is not known", a.Name, a.Scalar)
	}
	v, err := a.Value.Int64()
	return binary.LittleEndian.AppendUint64(nil, uint64(v))[:e.size], err
}

// machine is what a case runs on: ptxsim alone, or the driver over it.
type machine interface {
	// load reads PTX and finds a kernel; it returns the sizes of its parameters.
	load(name, text, kernel string) ([]int, error)
	alloc(n int, label string, content []byte) (address []byte, err error)
	launch(t testing.TB, c *kernelCase, args [][]byte) error
	copyOut(dst, address []byte) error
}

// run launches the case and compares what it leaves with what is expected. A case
// without arguments and expectation is only loaded where its kernel has parameters.
func (c *kernelCase) run(t testing.TB, dir string, on machine) error {
	text, err := os.ReadFile(filepath.Join(dir, "ptx", c.PTX))
	if err != nil {
		return err
	}
	sizes, err := on.load(c.PTX, string(text), c.Kernel)
	if err != nil {
		return err
	}
	if len(c.Args) == 0 && len(sizes) > 0 && len(c.Expect) == 0 {
		return nil
	}
	var args [][]byte
	buffers := map[string][]byte{}
	for i := range c.Args {
		a := &c.Args[i]
		if a.Scalar != "" {
			v, err := a.scalar()
			if err != nil {
				return err
			}
			args = append(args, v)
			continue
		}
		v, err := a.content(dir)
		if err != nil {
			return err
		}
		p, err := on.alloc(a.N*elements[a.DType].size, a.Name, v)
		if err != nil {
			return err
		}
		buffers[a.Name] = p
		args = append(args, p)
	}
	if err := on.launch(t, c, args); err != nil {
		return err
	}
	for _, e := range c.Expect {
		if err := c.compare(func(dst []byte) error { return on.copyOut(dst, buffers[e.Arg]) }, e, dir); err != nil {
			return fmt.Errorf("%s: %w", e.Arg, err)
		}
	}
	return nil
}

// compare reads a buffer and compares it with the file of expected values.
func (c *kernelCase) compare(read func(dst []byte) error, e expectation, dir string) error {
	want, err := os.ReadFile(filepath.Join(dir, "data", e.File))
	if err != nil {
		return err
	}
	var el element
	for _, a := range c.Args {
		if a.Name == e.Arg {
			el = elements[a.DType]
		}
	}
	got := make([]byte, e.Count*el.size)
	if err := read(got); err != nil {
		return err
	}
	for i := range e.Count {
		raw := uint64(0)
		for k := range el.size {
			raw |= uint64(got[i*el.size+k]) << (8 * k)
		}
		bits := binary.LittleEndian.Uint64(want[8*i:])
		if filepath.Ext(e.File) == ".i64" {
			if got, want := el.integer(raw), el.integer(bits); got != want {
				return fmt.Errorf("element %d is %d, expected %d", i, got, want)
			}
			continue
		}
		g, w := el.decode(raw), math.Float64frombits(bits)
		if g != g && w != w || g == w {
			continue
		}
		if !(math.Abs(g-w) <= e.Abs+e.Rel*math.Abs(w)) || math.IsInf(w, 0) {
			return fmt.Errorf("element %d is %v, expected %v within %g + %g of it", i, g, w, e.Abs, e.Rel)
		}
	}
	return nil
}

// planted runs the kernel k of a planted file: blocks, threads from its name, or
// one of each, on 512 bytes of zeros, which it returns.
func planted(t testing.TB, path string, opt ptxsim.Options) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	blocks, threads := 1, 1
	if n, err := fmt.Sscanf(filepath.Base(path), "%d,%d.", &blocks, &threads); n == 1 || n == 2 && err != nil {
		return nil, fmt.Errorf("%s: the name begins with neither blocks,threads nor a letter: %w", path, err)
	}
	m, err := ptxsim.Parse(filepath.Base(path), string(text))
	if err != nil {
		return nil, err
	}
	d := ptxsim.NewDevice(opt)
	p, err := d.Alloc(512, "out")
	if err != nil {
		return nil, err
	}
	out := make([]byte, 512)
	if err := d.CopyIn(p, out); err != nil {
		return nil, err
	}
	k := m.Kernel("k")
	args := [][]byte{ptxsim.Addr(p)}
	for _, n := range k.ParamSizes()[1:] {
		args = append(args, bytes.Repeat([]byte{0}, n))
	}
	if _, err := d.Launch(t.Context(), k, ptxsim.Dim3{X: blocks}, ptxsim.Dim3{X: threads}, 0, args...); err != nil {
		return nil, err
	}
	return out, d.CopyOut(out, p)
}
