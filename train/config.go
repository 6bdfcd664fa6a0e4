// Package train is the host loop: it turns a configuration into data, a model
// and a backend, runs the steps, and keeps the run folder.
//
// One step goes through [Run], which asks the data set for the step's batches
// (by number, so that no state but the number needs to be kept), gives them to
// model.Model.Step, and then logs, evaluates and saves as the configuration
// says. Whatever a run needs in order to go on after a cut stands in its newest
// checkpoint; whatever it needs in order to be understood stands in config.yaml
// and environment.json.
package train

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ErrUsage marks a configuration that cannot be run: unknown keys, values out
// of range, settings that contradict each other. Nothing has been written.
var ErrUsage = errors.New("bad configuration")

// usagef returns an error that is ErrUsage and reads as the formatted text.
func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

type usageError struct{ text string }

func (e *usageError) Error() string        { return e.text }
func (e *usageError) Is(target error) bool { return target == ErrUsage }

// Config is one training run as the user describes it. Every field is a flag
// (with - for _), a key of the configuration file and, in upper case behind
// SPARSEBERT_, an environment variable. Zero of a field marked "0: ..." means
// what stands there; Resolve puts the meant value in its place.
type Config struct {
	Model   string  `yaml:"model"`
	Layers  int     `yaml:"layers"` // 0: as the model says; likewise the next three
	Hidden  int     `yaml:"hidden"`
	Heads   int     `yaml:"heads"`
	FFN     int     `yaml:"ffn"`
	Dropout float64 `yaml:"dropout"` // -1: 0.1 for models larger than Small, else 0
	Init    string  `yaml:"init"`
	Rescale bool    `yaml:"init_rescale"`
	// InitFrom is the folder whose weights the run starts from: of Hugging Face, or a
	// checkpoint; empty: random ones.
	InitFrom  string `yaml:"init_from"`
	InitHeads bool   `yaml:"init_heads"` // heads that InitFrom lacks start at random

	Corpus         []string `yaml:"corpus"` // empty: the built-in demo corpus
	Valid          []string `yaml:"valid"`
	Vocab          string   `yaml:"vocab"`
	VocabSize      int      `yaml:"vocab_size"`
	SeqLen         int      `yaml:"seq_len"`
	MLMProbability float64  `yaml:"mlm_probability"`

	Method        string  `yaml:"method"`
	Sparsity      float64 `yaml:"sparsity"`
	BlockSize     int     `yaml:"block_size"`
	PruneRatio    float64 `yaml:"prune_ratio"`
	Updates       int     `yaml:"updates"` // 0: see defaultPhases
	PruneSchedule string  `yaml:"prune_schedule"`
	PruneNorm     string  `yaml:"prune_norm"`
	Growth        string  `yaml:"growth"`
	RegrowPruned  bool    `yaml:"regrow_pruned"`
	Distribution  string  `yaml:"distribution"`
	PartialPhases string  `yaml:"partial_phases"`
	PartialChoice string  `yaml:"partial_choice"`
	PartialRest   string  `yaml:"partial_rest"`

	MaxSteps      int64   `yaml:"max_steps"`
	Epochs        float64 `yaml:"epochs"` // 0: max_steps counts
	BatchSize     int     `yaml:"batch_size"`
	Accumulation  int     `yaml:"gradient_accumulation_steps"`
	Checkpointing bool    `yaml:"gradient_checkpointing"`
	LearningRate  float64 `yaml:"learning_rate"` // 0: the paper's rule
	WarmupSteps   int64   `yaml:"warmup_steps"`  // -1: a tenth of the run, at most 10,000
	WeightDecay   float64 `yaml:"weight_decay"`
	GroupLasso    float64 `yaml:"group_lasso"`
	MaxGradNorm   float64 `yaml:"max_grad_norm"`
	Seed          uint64  `yaml:"seed"`

	Device         string `yaml:"device"`
	Precision      string `yaml:"precision"`
	Threads        int    `yaml:"threads"`    // 0: one a core
	OutputDir      string `yaml:"output_dir"` // empty: a new folder under runs/
	Resume         bool   `yaml:"resume"`
	SaveSteps      int64  `yaml:"save_steps"` // 0: only at the end
	SaveTotalLimit int    `yaml:"save_total_limit"`
	EvalSteps      int64  `yaml:"eval_steps"` // 0: only at the end
	EvalBatches    int    `yaml:"eval_batches"`
	FinalBatches   int    `yaml:"final_eval_batches"` // 0: all
	LoggingSteps   int64  `yaml:"logging_steps"`
	DryRun         bool   `yaml:"dry_run"`
	Quiet          bool   `yaml:"quiet"`
	JSONLogs       bool   `yaml:"json_logs"`
}

// DefaultConfig is the run that `train` makes with no flags: BERT-Tiny on the
// demo corpus, about a minute on two cores.
func DefaultConfig() Config {
	return Config{
		Model:          "tiny",
		Dropout:        -1,
		Init:           "truncated-normal",
		VocabSize:      1024,
		SeqLen:         128,
		MLMProbability: 0.15,
		Method:         "dynamic",
		Sparsity:       0.9,
		BlockSize:      16,
		PruneRatio:     0.5,
		PruneSchedule:  "cosine",
		PruneNorm:      "l1",
		Growth:         "random",
		Distribution:   "uniform",
		PartialPhases:  phasesAlways,
		PartialChoice:  "fixed",
		PartialRest:    "frozen",
		MaxSteps:       1500,
		BatchSize:      16,
		Accumulation:   1,
		WarmupSteps:    -1,
		WeightDecay:    0.01,
		MaxGradNorm:    1,
		Seed:           1,
		Device:         "auto",
		Precision:      "fp32",
		SaveTotalLimit: 2,
		EvalBatches:    16,
		LoggingSteps:   20,
	}
}

// Adam's constants (paper, training recipe).
const (
	adamBeta1     = 0.9
	adamBeta2     = 0.999
	adamEpsilon   = 1e-6
	groupLassoStd = 0.02
)

// shortestPhase is the least number of steps between two topology updates that
// the default leaves, so that a newborn block, which starts at zero, is trained
// at all before it is judged. A guess: docs/results.md tells what was measured.
const shortestPhase = 100

// defaultPhases is the number of phases when the configuration leaves it open:
// what the paper found best, n = 160 for B = 1 and n = 80 for larger blocks, or
// as many as fit.
func defaultPhases(steps int64, block int) int {
	best := int64(80)
	if block == 1 {
		best = 160
	}
	return int(max(1, min(best, steps/shortestPhase)))
}

// maxAccumulation is the largest number of micro-batches in a step.
const maxAccumulation = 1 << 15

// MaxThreads is the largest number of threads that a device may be asked for.
const MaxThreads = 1 << 12

// OutOfRange returns the key of the first setting whose value no run can have,
// whatever the rest says, with what is wrong; "" when there is none. The model's
// own numbers are model.Config.Validate's business.
func (c *Config) OutOfRange() (key, wrong string) {
	type bounds struct {
		key      string
		value    float64
		min, max float64
		expected string
	}
	inf := math.Inf(1)
	for _, n := range []bounds{
		{"prune_ratio", c.PruneRatio, 0, 1, "0 to 1"},
		{"mlm_probability", c.MLMProbability, 1e-9, 1, "above 0, at most 1"},
		{"learning_rate", c.LearningRate, 0, 1e3, "above 0, at most 1000 (0: the paper's rule)"},
		{"weight_decay", c.WeightDecay, 0, 1e3, "0 to 1000"},
		{"group_lasso", c.GroupLasso, 0, 1e3, "0 to 1000"},
		{"max_grad_norm", c.MaxGradNorm, 0, inf, "0 (off) or more"},
		{"epochs", c.Epochs, 0, 1e6, "0 (max_steps counts) to 1000000"},
		{"max_steps", float64(c.MaxSteps), 1, 1 << 31, "1 to 2147483648"},
		{"batch_size", float64(c.BatchSize), 1, 1 << 20, "1 to 1048576"},
		{"gradient_accumulation_steps", float64(c.Accumulation), 1, maxAccumulation, "1 to 32768"},
		{"warmup_steps", float64(c.WarmupSteps), -1, 1 << 31, "0 to 2147483648 (-1: a tenth of the run)"},
		{"seq_len", float64(c.SeqLen), 8, 1 << 15, "8 to 32768"},
		{"vocab_size", float64(c.VocabSize), 16, 1 << 20, "16 to 1048576"},
		{"updates", float64(c.Updates), 0, 1 << 31, "1 (never) or more (0: by the length of the run)"},
		{"threads", float64(c.Threads), 0, MaxThreads, "0 (one a core) to 4096"},
		{"save_steps", float64(c.SaveSteps), 0, inf, "0 (at the end) or more"},
		{"save_total_limit", float64(c.SaveTotalLimit), 0, inf, "0 (all) or more"},
		{"eval_steps", float64(c.EvalSteps), 0, inf, "0 (at the end) or more"},
		{"eval_batches", float64(c.EvalBatches), 0, inf, "0 (the whole set) or more"},
		{"final_eval_batches", float64(c.FinalBatches), 0, inf, "0 (the whole set) or more"},
		{"logging_steps", float64(c.LoggingSteps), 1, inf, "1 or more"},
	} {
		if !(n.value >= n.min && n.value <= n.max) {
			return n.key, fmt.Sprintf("found %s, expected %s", number(n.value), n.expected)
		}
	}
	if c.Dropout != -1 && !(c.Dropout >= 0 && c.Dropout < 1) {
		return "dropout", fmt.Sprintf("found %v, expected 0 or more and below 1 (-1: by model)", c.Dropout)
	}
	return oneOf(
		choice{"device", c.Device, []string{"auto", "cpu", "cuda", "sim"}},
		choice{"precision", c.Precision, []string{"fp32", "bf16"}},
	)
}

// checkNumbers is OutOfRange as an error, with what values together must keep.
func (c *Config) checkNumbers() error {
	if key, wrong := c.OutOfRange(); key != "" {
		return usagef("%s: %s", key, wrong)
	}
	if c.WarmupSteps > c.MaxSteps && c.Epochs == 0 {
		return usagef("warmup_steps: found %d, expected at most max_steps %d", c.WarmupSteps, c.MaxSteps)
	}
	return nil
}

// number writes a value as a person would have given it.
func number(v float64) string {
	if math.Abs(v) < 1e15 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// choice is a key whose value must be one of a few words.
type choice struct {
	key, value string
	words      []string
}

// oneOf returns the first choice that is none of its words, as OutOfRange does.
func oneOf(cs ...choice) (key, wrong string) {
next:
	for _, c := range cs {
		for _, w := range c.words {
			if c.value == w {
				continue next
			}
		}
		return c.key, fmt.Sprintf("found %q, expected one of %s", c.value, strings.Join(c.words, ", "))
	}
	return "", ""
}
