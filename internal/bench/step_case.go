package bench

import (
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/internal/device"
)

// StepCase says what a step is, for records.
type StepCase struct {
	Model     string  `json:"model"` // layers x hidden
	Heads     int     `json:"heads"`
	FFN       int     `json:"ffn"`
	VocabSize int     `json:"vocab_size"`
	Sparsity  float64 `json:"sparsity"`
	Block     int     `json:"block"` // 0: dense
	Sequences int     `json:"sequences"`
	SeqLen    int     `json:"seq_len"`
	Tokens    int     `json:"tokens"`
	Masked    int     `json:"masked"`
	Device    string  `json:"device"`
	Precision string  `json:"precision"`
}

func stepCaseOf(s device.Settings, step Step) StepCase {
	c, o := step.Config, step.Options
	r := StepCase{
		Model: fmt.Sprintf("%d layers of %d", c.Layers, c.Hidden), Heads: c.Heads, FFN: c.FFN, VocabSize: c.VocabSize, Sparsity: 1 - c.Density(), Block: c.BlockSize, Sequences: o.MicroBatch, SeqLen: o.SeqLen,
		Tokens: step.Tokens(), Masked: o.MicroBatch * o.MaxMasked, Device: s.Device, Precision: s.Precision,
	}
	if r.Sparsity == 0 {
		r.Block = 0
	} else {
		r.Sparsity = c.Sparsity
	}
	return r
}

// String describes the step in one line.
func (s StepCase) String() string {
	kind := "dense"
	if s.Block > 0 {
		kind = fmt.Sprintf("s = %.4g, B = %d", s.Sparsity, s.Block)
	}
	return fmt.Sprintf("%s, %s, %d sequences of %d tokens, %d masked, %s", s.Model, kind, s.Sequences, s.SeqLen, s.Masked, s.Precision)
}
