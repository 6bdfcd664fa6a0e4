package gpu_test

import (
	"fmt"
	"log"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// A block-sparse product on the simulator, which runs the PTX that ships: y = x W^T for
// one token, where W has two active blocks of 16 x 16 on its diagonal.
func Example() {
	driver := simdriver.New(simdriver.Options{})
	dev, err := gpu.New(driver, gpu.Options{Activation: backend.BF16})
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()

	topo, err := sparse.NewTopology(sparse.Shape{Out: 32, In: 32, Block: 16}, []int32{0, 1}, []int32{0, 1})
	if err != nil {
		log.Fatal(err)
	}
	w := dev.NewParam(backend.ParamSpec{Name: "w", Out: 32, In: 32, Topology: topo})
	x, y := dev.Alloc("x", backend.BF16, 32), dev.Alloc("y", backend.BF16, 32)
	values, ones := make([]float32, 2*16*16), make([]float32, 32)
	for i := range values {
		values[i] = float32(1 + i/256) // the first block is 1, the second 2
	}
	for i := range ones {
		ones[i] = 1
	}
	dev.WriteFloats(w.Values(), 0, values)
	dev.WriteFloats(x, 0, ones)
	dev.Refresh([]backend.Param{w})
	dev.DSD(y, nil, x, w, nil, 1)

	out := make([]float32, 32)
	if err := dev.ReadFloats(out, y, 0); err != nil { // the first error of all calls
		log.Fatal(err)
	}
	fmt.Println(out[15], out[16])
	fmt.Println(dev.Capabilities().Profile.ProductKernel("dsd", w, 1))
	fmt.Println("launches of dsd_b16:", driver.Counters()["dsd_b16"].Launches)
	// Output:
	// 16 32
	// tensor cores, blocks of 16
	// launches of dsd_b16: 1
}
