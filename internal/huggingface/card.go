package huggingface

import (
	"fmt"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/model"
)

// Facts are what a model card says of a run beside the model itself. Fields that
// are zero are left out.
type Facts struct {
	Data           string // what it was trained on
	Start          string // the weights it started from; empty: random ones
	Steps          int64
	BatchSequences int // sequences of a step
	SeqLen         int
	LearningRate   float64
	Seed           uint64
	TrainLoss      float64 // MLM + NSP, or MLM alone, at the last log line
	Evaluated      int64   // the step of the evaluation
	MLMLoss        float64
	MLMAccuracy    float64
	NSPLoss        float64
	NSPAccuracy    float64
	TestLoss       float64 // MLM, on the test text
	TestAccuracy   float64
	FLOPs          float64 // non-embedding, forward and backward
	DenseFLOPs     float64
	ExploredDOF    float64
	Version        string // of the program
}

// card returns the model card.
func (c Content) card(table []model.Tensor) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	n, f := model.Count(table), c.Facts

	line("---\nlibrary_name: %s\npipeline_tag: fill-mask\ntags:\n- bert\n- block-sparse\n---\n", map[Format]string{FormatHF: "transformers", FormatSparse: "sparsebert-gpu"}[c.Format])
	line("# BERT pre-trained by sparsebert-gpu\n")
	switch c.Config.Method {
	case model.Dense:
		line("A BERT with dense weights.")
	case model.Partial:
		line("A BERT with dense weights, of which pre-training, always or at times, trained a part of the encoder's only.")
	case model.Static:
		line("A BERT whose encoder weights are block-sparse, in a pattern that was fixed before training.")
	default:
		line("A BERT whose encoder weights were block-sparse from the first step of pre-training to the last, in a pattern that moved.")
	}
	if c.Format == FormatHF {
		class := preTraining
		if c.Config.NoNSP {
			class = maskedOnly
		}
		line("\n```python\nfrom transformers import %s, BertTokenizerFast\n\nmodel = %s.from_pretrained(\"this folder\")\ntokenizer = BertTokenizerFast.from_pretrained(\"this folder\")\n```", class, class)
		if c.Config.Method.BlockSparse() {
			line("\nThe tensors are dense, with zeros in the inactive blocks.")
		}
	} else {
		line("\n%s holds the active blocks alone. docs/formats.md of sparsebert-gpu describes it; `sparsebert-gpu import` reads it.", sparseFile)
	}
	line("\n| model | |\n|---|---|")
	line("| layers, hidden, heads, feed-forward | %d, %d, %d, %d |", c.Config.Layers, c.Config.Hidden, c.Config.Heads, c.Config.FFN)
	line("| vocabulary, positions | %d, %d |", c.Config.VocabSize, c.Config.MaxPositions)
	line("| parameters | %d |", n.Parameters)
	switch {
	case c.Config.Method == model.Partial:
		line("| method | partial, the rest %s |", c.Config.Rest)
		line("| encoder weights that a part has | %.4g %% in blocks of %d x %d |", 100*c.Config.Density(), c.Config.BlockSize, c.Config.BlockSize)
	case c.Config.Method.BlockSparse():
		line("| method | %s |", c.Config.Method)
		line("| encoder weights that are active | %d of %d (sparsity %.4g) |", n.EncoderActive, n.Encoder, 1-float64(n.EncoderActive)/float64(n.Encoder))
		line("| blocks | %d x %d, %s over the tensors |", c.Config.BlockSize, c.Config.BlockSize, c.Config.Distribution)
	}
	line("\n| training | |\n|---|---|")
	if f.Data != "" {
		line("| data | %s |", cell(f.Data))
	}
	if f.Start != "" {
		line("| started from | %s |", cell(f.Start))
	}
	line("| steps | %d |", f.Steps)
	if f.Steps > 0 {
		line("| batch | %d sequences of %d tokens |", f.BatchSequences, f.SeqLen)
		if f.SeqLen < c.Config.MaxPositions {
			untrained := "random: give it no longer sequences"
			if f.Start != "" {
				untrained = "as in the weights it started from"
			}
			line("| trained positions | the first %d of %d; those beyond are %s |", f.SeqLen, c.Config.MaxPositions, untrained)
		}
		line("| peak learning rate, seed | %.4g, %d |", f.LearningRate, f.Seed)
		losses := "MLM + NSP"
		if c.Config.NoNSP {
			losses = "MLM alone"
		}
		line("| training loss (%s) | %.4f |", losses, f.TrainLoss)
	}
	switch {
	case f.Evaluated == 0:
	case c.Config.NoNSP:
		line("| validation at step %d | MLM loss %.4f, accuracy %.2f %% |", f.Evaluated, f.MLMLoss, 100*f.MLMAccuracy)
	default:
		line("| validation at step %d | MLM loss %.4f, accuracy %.2f %%; NSP loss %.4f, accuracy %.2f %% |", f.Evaluated, f.MLMLoss, 100*f.MLMAccuracy, f.NSPLoss, 100*f.NSPAccuracy)
	}
	if f.TestLoss > 0 {
		line("| test text, measured once | MLM loss %.4f, accuracy %.2f %% |", f.TestLoss, 100*f.TestAccuracy)
	}
	if f.FLOPs > 0 {
		line("| FLOPs, non-embedding, forward and backward | %.4g |", f.FLOPs)
		if c.Config.Method != model.Dense {
			line("| FLOPs of the dense model for the same steps | %.4g |", f.DenseFLOPs)
		}
	}
	if f.ExploredDOF > 0 {
		line("| dense weights that were active at some time | %.1f %% |", 100*f.ExploredDOF)
	}
	line("\nWritten by sparsebert-gpu %s. Losses are natural logarithms.", f.Version)
	return b.String()
}

// cell keeps text from breaking a row of a table.
func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ", "\r", " ").Replace(s)
}
