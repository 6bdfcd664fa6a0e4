package train

import "strings"

// Setting is one key of the configuration with what a command line says of it.
// The table in Settings is the single source of flags, their help, environment
// variables and file keys.
type Setting struct {
	Key      string // as in the configuration file, with _
	Aliases  []string
	Category string
	Usage    string
	// Value points into a Config: *string, *bool, *int, *int64, *uint64,
	// *float64 or *[]string.
	Value func(*Config) any
	// Running settings say how a run is carried out, not what it computes; they
	// may differ when a run is resumed.
	Running bool
}

// Flag returns the name of the setting's flag.
func (s Setting) Flag() string { return strings.ReplaceAll(s.Key, "_", "-") }

// Used tells whether the method of a configuration has a use for the setting.
func (s Setting) Used(c *Config) bool {
	moves, sparse, partial := c.Method == "dynamic", c.Method == "dynamic" || c.Method == "static", c.Method == "partial"
	switch s.Key {
	case "sparsity", "block_size", "distribution":
		return sparse || partial
	case "growth", "init_rescale", "group_lasso": // growth: of the starting topology too
		return sparse
	case "prune_ratio", "prune_schedule", "regrow_pruned":
		return moves
	case "prune_norm": // of weights to start from too
		return moves || sparse && c.InitFrom != "" || partial && c.PartialChoice == "magnitude"
	case "updates":
		return moves || partial && c.PartialPhases == phasesAlternate
	case "partial_phases", "partial_choice", "partial_rest":
		return partial
	}
	return true
}

// EnvironmentPrefix is what the names of all environment variables begin with.
const EnvironmentPrefix = "SPARSEBERT_"

// Environment returns the name of the setting's environment variable.
func (s Setting) Environment() string { return EnvironmentPrefix + strings.ToUpper(s.Key) }

// Categories, in the order of the help text.
const (
	CategoryModel    = "1. model"
	CategoryData     = "2. data"
	CategorySparsity = "3. sparsity"
	CategoryOptim    = "4. optimization"
	CategoryRunning  = "5. running"
)

// Settings returns the table of all settings, in the order of the help text.
func Settings() []Setting {
	return []Setting{
		{Key: "model", Aliases: []string{"m"}, Category: CategoryModel, Usage: "tiny|mini|small|medium|base|large", Value: func(c *Config) any { return &c.Model }},
		{Key: "layers", Aliases: []string{"L"}, Category: CategoryModel, Usage: "encoder layers (0: as the model has)", Value: func(c *Config) any { return &c.Layers }},
		{Key: "hidden", Aliases: []string{"H"}, Category: CategoryModel, Usage: "hidden size (0: as the model has)", Value: func(c *Config) any { return &c.Hidden }},
		{Key: "heads", Aliases: []string{"A"}, Category: CategoryModel, Usage: "attention heads (0: as the model has)", Value: func(c *Config) any { return &c.Heads }},
		{Key: "ffn", Aliases: []string{"F"}, Category: CategoryModel, Usage: "feed-forward size (0: as the model has)", Value: func(c *Config) any { return &c.FFN }},
		{Key: "dropout", Category: CategoryModel, Usage: "dropout rate (-1: 0.1 above Small, else 0)", Value: func(c *Config) any { return &c.Dropout }},
		{Key: "init", Category: CategoryModel, Usage: "truncated-normal|glorot", Value: func(c *Config) any { return &c.Init }},
		{Key: "init_rescale", Category: CategoryModel, Usage: "divide the initial standard deviation of sparse weights by the root of the density", Value: func(c *Config) any { return &c.Rescale }},
		{Key: "init_from", Category: CategoryModel, Usage: "Hugging Face folder, checkpoint or run to take sizes, vocabulary and weights from; block-sparse weights keep the blocks of the largest norm", Value: func(c *Config) any { return &c.InitFrom }},
		{Key: "init_heads", Category: CategoryModel, Usage: "start heads that init-from lacks (pooler, MLM, NSP) at random", Value: func(c *Config) any { return &c.InitHeads }},

		{Key: "corpus", Aliases: []string{"c"}, Category: CategoryData, Usage: "training text (file, folder, .gz, .zst) or a folder of shards; repeatable (default: built-in demo corpus)", Value: func(c *Config) any { return &c.Corpus }},
		{Key: "valid", Category: CategoryData, Usage: "validation text or shards; repeatable (default: every 20th training document)", Value: func(c *Config) any { return &c.Valid }},
		{Key: "vocab", Category: CategoryData, Usage: "vocab.txt to use (default: the shards' own, or one trained on the text)", Value: func(c *Config) any { return &c.Vocab }},
		{Key: "vocab_size", Aliases: []string{"V"}, Category: CategoryData, Usage: "size of the vocabulary to train, or that the given one must have", Value: func(c *Config) any { return &c.VocabSize }},
		{Key: "seq_len", Aliases: []string{"S"}, Category: CategoryData, Usage: "sequence length in tokens", Value: func(c *Config) any { return &c.SeqLen }},
		{Key: "mlm_probability", Category: CategoryData, Usage: "fraction of tokens to mask", Value: func(c *Config) any { return &c.MLMProbability }},

		{Key: "method", Category: CategorySparsity, Usage: "dynamic|static|dense|partial (dense weights of which a part is trained)", Value: func(c *Config) any { return &c.Method }},
		{Key: "sparsity", Aliases: []string{"s"}, Category: CategorySparsity, Usage: "fraction of inactive (partial: of untrained) blocks in every encoder weight", Value: func(c *Config) any { return &c.Sparsity }},
		{Key: "block_size", Aliases: []string{"B"}, Category: CategorySparsity, Usage: "1|4|8|16|32|64", Value: func(c *Config) any { return &c.BlockSize }},
		{Key: "prune_ratio", Category: CategorySparsity, Usage: "largest fraction of blocks moved by one update", Value: func(c *Config) any { return &c.PruneRatio }},
		{Key: "updates", Aliases: []string{"n"}, Category: CategorySparsity, Usage: "phases of training between which the topology is updated: n phases, n-1 updates (0: 80, or 160 for B = 1, of at least 100 steps each); or how often partial alternates (0: 160, likewise)", Value: func(c *Config) any { return &c.Updates }},
		{Key: "prune_schedule", Category: CategorySparsity, Usage: "cosine|constant|linear", Value: func(c *Config) any { return &c.PruneSchedule }},
		{Key: "prune_norm", Category: CategorySparsity, Usage: "l1|l2|linf", Value: func(c *Config) any { return &c.PruneNorm }},
		{Key: "growth", Category: CategorySparsity, Usage: "random|gradient|fan-in", Value: func(c *Config) any { return &c.Growth }},
		{Key: "regrow_pruned", Category: CategorySparsity, Usage: "let a block that was just pruned return at once", Value: func(c *Config) any { return &c.RegrowPruned }},
		{Key: "distribution", Category: CategorySparsity, Usage: "uniform|erk", Value: func(c *Config) any { return &c.Distribution }},
		{Key: "partial_phases", Category: CategorySparsity, Usage: "when method partial trains a part only: always|early|late (half of the run)|alternate (updates times: all, then a part)", Value: func(c *Config) any { return &c.PartialPhases }},
		{Key: "partial_choice", Category: CategorySparsity, Usage: "the blocks that it trains: fixed|random (drawn for each phase)|magnitude (largest by prune-norm)", Value: func(c *Config) any { return &c.PartialChoice }},
		{Key: "partial_rest", Category: CategorySparsity, Usage: "the others: frozen|zero", Value: func(c *Config) any { return &c.PartialRest }},

		{Key: "max_steps", Aliases: []string{"steps"}, Category: CategoryOptim, Usage: "optimizer steps", Value: func(c *Config) any { return &c.MaxSteps }},
		{Key: "epochs", Category: CategoryOptim, Usage: "passes over the corpus instead of max-steps", Value: func(c *Config) any { return &c.Epochs }},
		{Key: "batch_size", Aliases: []string{"b"}, Category: CategoryOptim, Usage: "sequences in a micro-batch", Value: func(c *Config) any { return &c.BatchSize }},
		{Key: "gradient_accumulation_steps", Aliases: []string{"accum"}, Category: CategoryOptim, Usage: "micro-batches in a step", Value: func(c *Config) any { return &c.Accumulation }},
		{Key: "gradient_checkpointing", Category: CategoryOptim, Usage: "keep only the output of each encoder layer and run it again for the backward pass: less memory, same results, a third more products", Value: func(c *Config) any { return &c.Checkpointing }, Running: true},
		{Key: "learning_rate", Aliases: []string{"lr"}, Category: CategoryOptim, Usage: "peak learning rate (0: the paper's rule for size and sparsity)", Value: func(c *Config) any { return &c.LearningRate }},
		{Key: "warmup_steps", Aliases: []string{"warmup"}, Category: CategoryOptim, Usage: "steps of linear warm-up (-1: a tenth of the run, at most 10000)", Value: func(c *Config) any { return &c.WarmupSteps }},
		{Key: "weight_decay", Aliases: []string{"wd"}, Category: CategoryOptim, Usage: "decoupled weight decay (not on biases and LayerNorm)", Value: func(c *Config) any { return &c.WeightDecay }},
		{Key: "group_lasso", Category: CategoryOptim, Usage: "decoupled Group Lasso on sparse blocks (0: off)", Value: func(c *Config) any { return &c.GroupLasso }},
		{Key: "max_grad_norm", Aliases: []string{"clip"}, Category: CategoryOptim, Usage: "clip the global gradient norm (0: off)", Value: func(c *Config) any { return &c.MaxGradNorm }},
		{Key: "seed", Category: CategoryOptim, Usage: "seed of every random draw", Value: func(c *Config) any { return &c.Seed }},

		{Key: "device", Aliases: []string{"d"}, Category: CategoryRunning, Usage: "auto|cpu|cuda|sim (auto: cuda where there is a GPU and the helper binary for it)", Value: func(c *Config) any { return &c.Device }, Running: true},
		{Key: "precision", Category: CategoryRunning, Usage: "fp32|bf16 (bf16: not on the cpu)", Value: func(c *Config) any { return &c.Precision }},
		{Key: "threads", Aliases: []string{"t"}, Category: CategoryRunning, Usage: "CPU threads (0: one a core)", Value: func(c *Config) any { return &c.Threads }, Running: true},
		{Key: "output_dir", Aliases: []string{"out", "o"}, Category: CategoryRunning, Usage: "run folder (default: a new one under runs/)", Value: func(c *Config) any { return &c.OutputDir }, Running: true},
		{Key: "resume", Aliases: []string{"r"}, Category: CategoryRunning, Usage: "go on with the run in output-dir", Value: func(c *Config) any { return &c.Resume }, Running: true},
		{Key: "save_steps", Category: CategoryRunning, Usage: "steps between checkpoints (0: at the end)", Value: func(c *Config) any { return &c.SaveSteps }, Running: true},
		{Key: "save_total_limit", Category: CategoryRunning, Usage: "checkpoints to keep (0: all)", Value: func(c *Config) any { return &c.SaveTotalLimit }, Running: true},
		{Key: "eval_steps", Category: CategoryRunning, Usage: "steps between evaluations (0: at the end)", Value: func(c *Config) any { return &c.EvalSteps }},
		{Key: "eval_batches", Category: CategoryRunning, Usage: "batches of an evaluation during training (0: all)", Value: func(c *Config) any { return &c.EvalBatches }},
		{Key: "final_eval_batches", Category: CategoryRunning, Usage: "batches of the evaluation after the last step (0: all)", Value: func(c *Config) any { return &c.FinalBatches }},
		{Key: "logging_steps", Category: CategoryRunning, Usage: "steps between log lines", Value: func(c *Config) any { return &c.LoggingSteps }},
		{Key: "dry_run", Category: CategoryRunning, Usage: "check everything, print parameters, FLOPs, memory and disk, write nothing", Value: func(c *Config) any { return &c.DryRun }, Running: true},
		{Key: "quiet", Aliases: []string{"q"}, Category: CategoryRunning, Usage: "print warnings, errors and the summary only", Value: func(c *Config) any { return &c.Quiet }, Running: true},
		{Key: "json_logs", Category: CategoryRunning, Usage: "log lines as JSON", Value: func(c *Config) any { return &c.JSONLogs }, Running: true},
	}
}
