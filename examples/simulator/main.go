// Simulator does the same training step on the CPU device and on the GPU device,
// whose kernels the simulator runs here, and compares the two. Every read, write
// and race of the kernels is checked; no GPU is needed.
package main

import (
	"fmt"
	"log"
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

var config = model.Config{
	VocabSize: 64, Layers: 1, Hidden: 32, Heads: 2, FFN: 64, MaxPositions: 8, TypeVocab: 2,
	Method: model.Dynamic, Sparsity: 0.75, BlockSize: 8,
}

var options = model.Options{MicroBatch: 2, SeqLen: 8, MaxMasked: 2, Seed: 1}

func main() {
	onCPU, err := cpu.New(cpu.Options{Path: cpu.Portable})
	if err != nil {
		log.Fatal(err)
	}
	onGPU, err := gpu.New(simdriver.New(simdriver.Options{}), gpu.Options{})
	if err != nil {
		log.Fatal(err)
	}
	loss, topologies := step(onCPU)
	simulated, moved := step(onGPU)
	fmt.Printf("cpu: loss %.4f\nsim: loss %.4f\n", loss, simulated)
	fmt.Println("equal to five digits:", math.Abs(loss-simulated) <= 1e-5*loss)
	same := 0
	for i := range topologies {
		if topologies[i].Equal(moved[i]) {
			same++
		}
	}
	fmt.Printf("%d of %d updated topologies are the same bit for bit\n", same, len(topologies))
}

// step trains one step with a topology update and returns its loss and where the
// active blocks are then.
func step(b backend.Backend) (float64, []*sparse.Topology) {
	defer b.Close()
	m, err := model.New(b, config, options)
	if err != nil {
		log.Fatal(err)
	}
	result, err := m.Step(model.StepArgs{
		LR:     1e-3,
		Adam:   backend.AdamConfig{Beta1: 0.9, Beta2: 0.999, Eps: 1e-6, WeightDecay: 0.01, MaxGradNorm: 1},
		Update: &sparse.Update{Seed: 1, Number: 1, PruneRatio: 0.5},
	}, []model.Batch{batch()})
	if err != nil {
		log.Fatal(err)
	}
	topologies, err := m.Topologies()
	if err != nil {
		log.Fatal(err)
	}
	return result.Loss(), topologies
}

// batch is two sequences of 8 and 6 tokens with three masked ones.
func batch() model.Batch {
	b := model.Batch{
		Size: 2, IDs: make([]int32, 16), Segments: make([]int32, 16), Lengths: []int32{8, 6},
		MaskedPos: []int32{1, 6, 11, -1}, MaskedLabels: []int32{17, 42, 5, -1}, NSPLabels: []int32{0, 1},
	}
	for i := range b.IDs {
		b.IDs[i] = int32(7 * i % config.VocabSize)
	}
	return b
}
