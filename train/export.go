package train

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/huggingface"
)

// Format is the form of an exported folder.
type Format string

// The forms.
const (
	FormatHF     Format = "hf"     // dense tensors, for transformers
	FormatSparse Format = "sparse" // active blocks alone (docs/formats.md), for Import
)

// Export writes the checkpoint that path means (see OpenWeights) as a Hugging Face
// folder out, which must be new or empty. version stands in the model card. The
// folder appears whole or not at all; when ctx ends, nothing is left and its cause
// is returned. It reads and writes one parameter at a time.
func Export(ctx context.Context, path, out string, format Format, version string) (*Trained, error) {
	w, err := OpenWeights(path)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	facts, err := w.facts()
	if err != nil {
		return nil, err
	}
	facts.Version = version
	err = huggingface.Write(ctx, out, huggingface.Content{Format: huggingface.Format(format), Config: w.Model, Vocab: w.vocab, Weights: w, Facts: facts})
	return &w.Trained, err
}

// facts are what the model card says of the run. Of paths it has the last part
// only: the card is for others.
func (w *Weights) facts() (huggingface.Facts, error) {
	c, s := w.Config, w.Summary
	f := huggingface.Facts{
		Steps: w.Step, BatchSequences: c.BatchSize * c.Accumulation, SeqLen: c.SeqLen, LearningRate: c.LearningRate, Seed: c.Seed,
		TrainLoss: s.Train.Loss, ExploredDOF: s.ExploredDOF,
		Evaluated: s.Eval.Step, MLMLoss: s.Eval.MLMLoss, MLMAccuracy: s.Eval.MLMAccuracy, NSPLoss: s.Eval.NSPLoss, NSPAccuracy: s.Eval.NSPAccuracy,
	}
	if t := s.Test; t != nil {
		f.TestLoss, f.TestAccuracy = t.MLMLoss, t.MLMAccuracy
	}
	var names []string
	for _, path := range c.Corpus {
		names = append(names, filepath.Base(path))
	}
	f.Data = strings.Join(names, ", ")
	if f.Data == "" && w.Step > 0 {
		f.Data = "the built-in demo corpus of sparsebert-gpu"
	}
	if c.InitFrom != "" {
		f.Start = filepath.Base(c.InitFrom)
	}
	p := Plan{Config: c, Model: w.Model, Origin: w.saved.Origin}
	if err := errors.Join(p.resolvePhases(), p.countFLOPs()); err != nil {
		return f, err
	}
	f.FLOPs, f.DenseFLOPs = p.FLOPs(w.Step), p.DenseFLOPs(w.Step)
	return f, nil
}
