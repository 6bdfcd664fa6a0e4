package model_test

import (
	"fmt"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// BenchmarkStep is a whole optimizer step of BERT-Tiny, V = 8192, 16 sequences of
// 128 tokens with 16 to 19 of 20 masked slots used, on the CPU backend.
func BenchmarkStep(b *testing.B) {
	for _, method := range []model.Method{model.Static, model.Dense} {
		for _, fixed := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/fixed=%v", method, fixed), func(b *testing.B) {
				c, err := model.Preset("tiny")
				if err != nil {
					b.Fatal(err)
				}
				c.VocabSize, c.Method = 8192, method
				o := model.Options{MicroBatch: 16, SeqLen: 128, MaxMasked: 20, Seed: 1, FixedMasked: fixed}
				dev, err := cpu.New(cpu.Options{})
				if err != nil {
					b.Fatal(err)
				}
				defer dev.Close()
				m, err := model.New(dev, c, o)
				if err != nil {
					b.Fatal(err)
				}
				micro := []model.Batch{fullBatch(c, o)}
				adam := backend.AdamConfig{Beta1: 0.9, Beta2: 0.999, Eps: 1e-6, WeightDecay: 0.01, MaxGradNorm: 1}
				b.ReportAllocs()
				for s := int64(0); b.Loop(); s++ {
					if _, err := m.Step(model.StepArgs{Step: s, LR: 1e-4, Adam: adam}, micro); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(o.MicroBatch*o.SeqLen*b.N)/b.Elapsed().Seconds(), "tokens/s")
			})
		}
	}
}

// fullBatch draws a batch without padding.
func fullBatch(c model.Config, o model.Options) model.Batch {
	s := philox.NewStream(1, philox.TestData, 3, 0)
	batch := model.Batch{Size: o.MicroBatch}
	for i := range o.MicroBatch {
		batch.Lengths = append(batch.Lengths, int32(o.SeqLen))
		batch.NSPLabels = append(batch.NSPLabels, int32(i%2))
		for t := range o.SeqLen {
			batch.IDs = append(batch.IDs, int32(s.IntN(c.VocabSize)))
			batch.Segments = append(batch.Segments, int32(2*t/o.SeqLen))
		}
		for n := range o.MaxMasked {
			pos, label := int32(i*o.SeqLen+6*n), int32(s.IntN(c.VocabSize))
			if n > 15+i%4 {
				pos, label = -1, -1
			}
			batch.MaskedPos = append(batch.MaskedPos, pos)
			batch.MaskedLabels = append(batch.MaskedLabels, label)
		}
	}
	return batch
}
