package backend_test

import (
	"fmt"
	"log"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// The forward product and both gradients of a block-sparse weight of which two of four
// blocks are active.
func Example() {
	const out, in, tokens = 8, 8, 2
	b, err := cpu.New(cpu.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()

	topology, err := sparse.NewTopology(sparse.Shape{Out: out, In: in, Block: 4}, []int32{0, 1}, []int32{0, 0})
	if err != nil {
		log.Fatal(err)
	}
	w := b.NewParam(backend.ParamSpec{Name: "w", Out: out, In: in, Topology: topology})
	ones := make([]float32, w.Values().Len())
	for i := range ones {
		ones[i] = 1
	}
	b.WriteFloats(w.Values(), 0, ones)
	b.Refresh([]backend.Param{w})

	x, y, dx := b.Alloc("x", b.Activation(), tokens*in), b.Alloc("y", b.Activation(), tokens*out), b.Alloc("dx", b.Activation(), tokens*in)
	b.WriteFloats(x, 0, []float32{
		1, 2, 3, 4, 5, 6, 7, 8,
		0, 0, 0, 1, 9, 9, 9, 9,
	})
	b.DSD(y, nil, x, w, nil, tokens)             // y = x W^T
	b.DDS(dx, y, w, tokens, backend.Assign, nil) // dx = y W
	b.SDD(w, nil, y, x, tokens)                  // w.Grad += y^T x

	for _, r := range []struct {
		name string
		x    backend.Buffer
	}{{"y", y}, {"dx", dx}, {"gradient of the first block", w.Grad()}} {
		v := make([]float32, 16)
		if err := b.ReadFloats(v, r.x, 0); err != nil {
			log.Fatal(err)
		}
		fmt.Println(r.name, v)
	}
	// Output:
	// y [10 10 10 10 10 10 10 10 1 1 1 1 1 1 1 1]
	// dx [80 80 80 80 0 0 0 0 8 8 8 8 0 0 0 0]
	// gradient of the first block [10 20 30 41 10 20 30 41 10 20 30 41 10 20 30 41]
}

// A mistake becomes the one error that Sync returns.
func ExampleBackend_errors() {
	b, err := cpu.New(cpu.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	x, y := b.Alloc("embeddings", backend.F32, 10), b.Alloc("result", backend.F32, 12)
	b.Tanh(y, x, 12)
	b.Tanh(y, nil, 3) // ignored, as is all that follows
	fmt.Println(b.Sync())
	// Output:
	// cpu: Tanh: x (embeddings): found 10 elements, expected at least 12
}
