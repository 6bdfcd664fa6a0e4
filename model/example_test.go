package model_test

import (
	"fmt"
	"log"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Training on two sequences, with a topology update in every tenth step: the model
// learns them by heart.
func ExampleModel_Step() {
	c := model.Config{
		VocabSize: 32, Layers: 2, Hidden: 32, Heads: 2, FFN: 64, MaxPositions: 6, TypeVocab: 2,
		Method: model.Dynamic, Sparsity: 0.75, BlockSize: 4,
	}
	b, err := cpu.New(cpu.Options{Path: cpu.Portable}) // the same bits on every machine
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	m, err := model.New(b, c, model.Options{MicroBatch: 2, SeqLen: 6, MaxMasked: 2, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	batch := model.Batch{
		Size:         2,
		IDs:          []int32{2, 17, 4, 31, 3, 0, 2, 25, 4, 3, 0, 0},
		Segments:     make([]int32, 12),
		Lengths:      []int32{5, 4},
		MaskedPos:    []int32{2, -1, 8, -1},
		MaskedLabels: []int32{23, -1, 19, -1},
		NSPLabels:    []int32{0, 1},
	}
	const steps = 40
	for step := range int64(steps) {
		args := model.StepArgs{
			Step: step, LR: 1e-2,
			Adam: backend.AdamConfig{Beta1: 0.9, Beta2: 0.999, Eps: 1e-6, MaxGradNorm: 1},
		}
		if step%10 == 9 && step < steps-1 {
			args.Update = &sparse.Update{Seed: 1, Number: int(step/10) + 1, PruneRatio: sparse.Cosine.PruneRatio(0.5, step, steps)}
		}
		r, err := m.Step(args, []model.Batch{batch})
		if err != nil {
			log.Fatal(err)
		}
		if step == 0 || step == steps-1 {
			fmt.Printf("step %d: loss %.2f, %.0f %% of the masked tokens are right\n", step, r.Loss(), 100*r.MLMAccuracy)
		}
	}
	topologies, err := m.Topologies()
	if err != nil {
		log.Fatal(err)
	}
	t := topologies[0]
	fmt.Printf("the first weight has %d of its %d blocks\n", t.NNZ(), t.Positions())
	// Output:
	// step 0: loss 4.12, 0 % of the masked tokens are right
	// step 39: loss 0.00, 100 % of the masked tokens are right
	// the first weight has 16 of its 64 blocks
}

// BERT-Base, its encoder a tenth of the dense one.
func ExampleEstimateCost() {
	c, err := model.Preset("base")
	if err != nil {
		log.Fatal(err)
	}
	e, err := model.EstimateCost(c, model.Options{MicroBatch: 16, SeqLen: 128, MaxMasked: 20},
		model.Storage{Param: backend.F32, Activation: backend.F32})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("encoder   %.1f of %.1f million weights\n", float64(e.EncoderActive)/1e6, float64(e.Encoder)/1e6)
	fmt.Printf("sequence  %.2f GFLOP, dense %.2f\n", e.NonEmbeddingFLOPs/1e9, e.DenseNonEmbeddingFLOPs/1e9)
	for _, p := range e.Memory[:3] {
		fmt.Printf("%-13s %4d MiB, dense %4d\n", p.Name, p.Bytes>>20, p.Dense>>20)
	}
	// Output:
	// encoder   8.5 of 84.9 million weights
	// sequence  8.33 GFLOP, dense 67.04
	// weights        128 MiB, dense  420
	// gradients      128 MiB, dense  420
	// adam moments   256 MiB, dense  840
}

// The parameters of one encoder layer.
func ExampleTable() {
	c, err := model.Preset("tiny")
	if err != nil {
		log.Fatal(err)
	}
	table, err := model.Table(c)
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range table {
		if t.Layer == 0 && t.Sparse {
			fmt.Printf("%-53s %d x %d, %d blocks\n", t.Name, t.Out, t.In, t.NNZ)
		}
	}
	// Output:
	// bert.encoder.layer.0.attention.self.query.weight      128 x 128, 6 blocks
	// bert.encoder.layer.0.attention.self.key.weight        128 x 128, 6 blocks
	// bert.encoder.layer.0.attention.self.value.weight      128 x 128, 6 blocks
	// bert.encoder.layer.0.attention.output.dense.weight    128 x 128, 6 blocks
	// bert.encoder.layer.0.intermediate.dense.weight        512 x 128, 26 blocks
	// bert.encoder.layer.0.output.dense.weight              128 x 512, 26 blocks
}

// A configuration that does not fit says why.
func ExampleConfig_Validate() {
	c, err := model.Preset("mini")
	if err != nil {
		log.Fatal(err)
	}
	c.Heads = 3
	fmt.Println(c.Validate())
	// Output:
	// invalid model configuration: hidden 256: found heads 3, expected a divisor of 256
}
