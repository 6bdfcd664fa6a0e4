// Package evaluate measures a checkpoint on a corpus.
package evaluate

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"

	"github.com/rs/zerolog"

	"github.com/sparsebert/sparsebert-gpu/internal/device"
	"github.com/sparsebert/sparsebert-gpu/internal/progress"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// Options say what is evaluated and how.
type Options struct {
	Checkpoint string   // step-N folder, or a run folder: its newest good one
	Corpus     []string // text or shards; none: the run's validation set
	Format     string   // of another text than the run's, as corpus_format; "": each file's own
	TextField  string   // of another text, as text_field; "": the run's
	Vocab      string   // vocab.txt, which must be the checkpoint's; "": not compared
	Batches    int      // at most so many; 0: all
	Device     string   // auto, cpu, cuda or sim
	Precision  string   // fp32 or bf16; "": as in training, on the cpu fp32
	Threads    int      // 0: one a core
	Open       train.Opener
	Log        zerolog.Logger // of stages and of damaged checkpoints that were passed over
}

// Result is what an evaluation came to.
type Result struct {
	Checkpoint     string  `json:"checkpoint"`
	Step           int64   `json:"step"`
	MLMLoss        float64 `json:"mlm_loss"`
	Perplexity     float64 `json:"perplexity"`
	MLMAccuracy    float64 `json:"mlm_accuracy"`
	NSPLoss        float64 `json:"nsp_loss"` // null, as NSPAccuracy, of a model without that head
	NSPAccuracy    float64 `json:"nsp_accuracy"`
	UnigramEntropy float64 `json:"unigram_entropy"`
	Tokens         int64   `json:"tokens"`
}

// MarshalJSON writes the result with null for a number that is not finite: the
// perplexity of a loss above 709 is beyond float64.
func (r Result) MarshalJSON() ([]byte, error) {
	type plain Result
	out := struct {
		plain
		MLMLoss    *float64 `json:"mlm_loss"`
		Perplexity *float64 `json:"perplexity"`
		NSPLoss    *float64 `json:"nsp_loss"`
		NSPAcc     *float64 `json:"nsp_accuracy"`
	}{plain(r), finite(r.MLMLoss), finite(r.Perplexity), finite(r.NSPLoss), finite(r.NSPAccuracy)}
	return json.Marshal(out)
}

// finite returns nil for a number that JSON does not have.
func finite(x float64) *float64 {
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return nil
	}
	return &x
}

// Run evaluates a checkpoint.
func Run(ctx context.Context, o Options) (*Result, error) {
	measured, err := train.Evaluate(ctx, o.Checkpoint, train.EvalOptions{
		Corpus: o.Corpus, Vocab: o.Vocab, Batches: o.Batches, Change: o.change, Loading: progress.StageLines(o.Log),
	}, o.Open)
	if measured != nil {
		progress.WarnSkipped(o.Log, measured.Skipped)
		for _, text := range measured.Warnings {
			o.Log.Warn().Msg(text)
		}
	}
	if err != nil {
		return nil, err
	}
	e := measured.Metrics
	if measured.Config.NoNSP {
		e.NSPLoss, e.NSPAccuracy = math.NaN(), math.NaN()
	}
	return &Result{
		Checkpoint: measured.Path, Step: measured.Step,
		MLMLoss: e.MLMLoss, Perplexity: e.Perplexity(), MLMAccuracy: e.MLMAccuracy,
		NSPLoss: e.NSPLoss, NSPAccuracy: e.NSPAccuracy,
		UnigramEntropy: measured.UnigramEntropy, Tokens: measured.Tokens,
	}, nil
}

// change puts what is asked for into the configuration that the run had.
func (o Options) change(config *train.Config) {
	config.Device, config.Threads = o.Device, o.Threads
	if len(o.Corpus) > 0 {
		config.CorpusFormat = o.Format
		if o.TextField != "" {
			config.TextField = o.TextField
		}
	}
	switch {
	case o.Precision != "":
		config.Precision = o.Precision
	case device.Resolve(config.Device) == "cpu":
		config.Precision = "fp32" // whatever it was trained in: weights are float32
	}
}

// Write writes the result for people.
func (r *Result) Write(w io.Writer) error {
	pairs := ""
	if !math.IsNaN(r.NSPAccuracy) {
		pairs = fmt.Sprintf("next sentence   loss %.4f, accuracy %.2f %%\n", r.NSPLoss, 100*r.NSPAccuracy)
	}
	_, err := fmt.Fprintf(w, `checkpoint      %s (step %d)
masked tokens   loss %.4f, perplexity %.2f, accuracy %.2f %%
%scorpus          %d tokens, unigram entropy %.3f
`, r.Checkpoint, r.Step, r.MLMLoss, r.Perplexity, 100*r.MLMAccuracy, pairs, r.Tokens, r.UnigramEntropy)
	return err
}
