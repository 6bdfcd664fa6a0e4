// Package drivertest is the conformance suite of gpu.Driver. Every driver runs
// it, so that what the backend sees of one it sees of all.
package drivertest

import (
	_ "embed"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/gpu"
)

// ptx holds the suite's kernels; conformance.cu says what they do.
//
//go:embed testdata/conformance.ptx
var ptx []byte

// PTX returns the text of the suite's kernels, for a driver's own tests.
func PTX() []byte { return ptx }

// Run checks a driver. open returns a new one, which Run closes; it must skip
// the test, saying so, where the device is missing.
func Run(t *testing.T, open func(t *testing.T) gpu.Driver) {
	for _, c := range []struct {
		name string
		test func(*bench)
	}{
		{"Properties", properties},
		{"AllocFree", allocFree},
		{"Copies", copies},
		{"CopyErrors", copyErrors},
		{"Memset", memset},
		{"Pinned", pinned},
		{"Load", load},
		{"ArgumentWidths", argumentWidths},
		{"Dimensions", dimensions},
		{"LaunchErrors", launchErrors},
		{"TensorMaps", tensorMaps},
		{"SharedMemory", sharedMemory},
		{"StaticAndDynamicSharedMemory", staticShared},
		{"Streams", streams},
		{"Events", events},
		{"BadHandles", badHandles},
		{"Capture", capture},
		{"CaptureOnDefaultStream", captureDefault},
		{"CaptureOtherStream", captureOther},
		{"Branches", branches},
		{"ForbiddenWhileCapturing", forbidden},
		{"CaptureErrors", captureErrors},
		{"Concurrent", concurrent},
		{"Shared", shared},
		{"Closed", closed},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &bench{T: t, d: open(t)}
			t.Cleanup(func() {
				if b.closed {
					return
				}
				if err := b.d.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			c.test(b)
		})
	}
}

// bench is a driver under test, with helpers that end the test on an error.
type bench struct {
	*testing.T
	d      gpu.Driver
	mod    gpu.Module
	closed bool
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// fails checks that err is a *gpu.Error of one line which holds all the words.
func (b *bench) fails(what string, err error, words ...string) {
	b.Helper()
	if err == nil {
		b.Errorf("%s: no error, expected one", what)
		return
	}
	if _, ok := errors.AsType[*gpu.Error](err); !ok {
		b.Errorf("%s: error %q is a %T, expected a *gpu.Error", what, err, err)
	}
	text := err.Error()
	if strings.ContainsAny(text, "\n\r") {
		b.Errorf("%s: error %q has several lines, expected one", what, text)
	}
	for _, w := range words {
		if !strings.Contains(text, w) {
			b.Errorf("%s: error %q, expected %q in it", what, text, w)
		}
	}
}

func (b *bench) alloc(n int, label string) gpu.Ptr {
	b.Helper()
	p, err := b.d.Alloc(int64(n), label)
	b.must(err)
	return p
}

func (b *bench) function(name string) gpu.Function {
	b.Helper()
	if b.mod == 0 {
		m, err := b.d.Load("conformance.ptx", ptx)
		b.must(err)
		b.mod = m
	}
	f, err := b.d.Function(b.mod, name)
	b.must(err)
	return f
}

// upload returns the address of a copy of data, a slice of numbers.
func (b *bench) upload(s gpu.Stream, label string, data any) gpu.Ptr {
	b.Helper()
	raw := b.encode(data)
	p := b.alloc(len(raw), label)
	b.must(b.d.CopyIn(s, p, raw))
	return p
}

func (b *bench) encode(data any) []byte {
	b.Helper()
	raw, err := binary.Append(nil, binary.LittleEndian, data)
	b.must(err)
	return raw
}

// download returns n numbers at p.
func download[E any](b *bench, s gpu.Stream, p gpu.Ptr, n int) []E {
	b.Helper()
	out := make([]E, n)
	raw := make([]byte, binary.Size(out))
	b.must(b.d.CopyOut(s, raw, p))
	if _, err := binary.Decode(raw, binary.LittleEndian, out); err != nil {
		b.Fatal(err)
	}
	return out
}

// want compares the numbers at p with what is expected.
func want[E comparable](b *bench, s gpu.Stream, what string, p gpu.Ptr, expected []E) {
	b.Helper()
	for i, got := range download[E](b, s, p, len(expected)) {
		if got != expected[i] {
			b.Fatalf("%s: element %d is %v, expected %v", what, i, got, expected[i])
		}
	}
}

func x(n int) gpu.Dim3 { return gpu.Dim3{X: n} }

func f32(v float32) uint64 { return uint64(math.Float32bits(v)) }

// bytesOf returns n bytes that differ from their neighbors.
func bytesOf(n int) []byte {
	raw := make([]byte, n)
	for i := range raw {
		raw[i] = byte(i*7 + i>>8)
	}
	return raw
}

// words returns n different numbers.
func words(n int) []uint32 {
	w := make([]uint32, n)
	for i := range w {
		w[i] = uint32(i)*2654435761 + 12345
	}
	return w
}

// fill returns n floats v.
func fill(n int, v float32) []float32 {
	f := make([]float32, n)
	for i := range f {
		f[i] = v
	}
	return f
}
