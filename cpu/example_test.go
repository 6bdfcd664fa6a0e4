package cpu_test

import (
	"fmt"
	"log"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
)

// One token times a dense weight, y = x W^T, on the path whose bits are the same everywhere.
func Example() {
	dev, err := cpu.New(cpu.Options{Threads: 1, Path: cpu.Portable})
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()

	w := dev.NewParam(backend.ParamSpec{Name: "w", Out: 2, In: 3})
	x, y := dev.Alloc("x", backend.F32, 3), dev.Alloc("y", backend.F32, 2)
	dev.WriteFloats(w.Values(), 0, []float32{1, 2, 3, 4, 5, 6})
	dev.WriteFloats(x, 0, []float32{1, 0, -1})
	dev.DSD(y, nil, x, w, nil, 1)

	out := make([]float32, 2)
	if err := dev.ReadFloats(out, y, 0); err != nil { // the first error of all calls
		log.Fatal(err)
	}
	fmt.Println(dev.Describe())
	fmt.Println(out)
	// Output:
	// cpu, instructions go, threads 1
	// [-2 -2]
}

func ExamplePaths() {
	fmt.Println(cpu.Paths()[0], cpu.Portable)
	// Output: go go
}
