package settings

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Limits that other packages need too.
const (
	// MaxAccumulation is the largest number of micro-batches in a step.
	MaxAccumulation = 1 << 15
	// MaxThreads is the largest number of threads that a device may be asked for.
	MaxThreads = 1 << 12
	// MaxProcesses is the largest number of processes that the program starts on a machine.
	MaxProcesses = 64
)

// Conditions that several settings share.
var (
	dynamic     = is{"method", []any{model.Dynamic}}
	blockSparse = is{"method", []any{model.Dynamic, model.Static}}
	partial     = is{"method", []any{model.Partial}}
	notDense    = is{"method", []any{model.Dynamic, model.Static, model.Partial}}
)

// asModel is what 0 means for a size of the model.
var asModel = []Meaning{{0, "as the model has"}}

// inf bounds what has no largest value.
var inf = math.Inf(1)

// table has the settings in the order of --help, of the fields of train.Config and
// of the keys in files.
var table = []Setting{
	{Key: "model", Field: "Model", Aliases: []string{"m"}, Group: Model, Default: "tiny", Words: model.PresetNames(),
		Help: "named size", Commands: SweepFile | Flops, RunName: Alone},
	{Key: "layers", Field: "Layers", Aliases: []string{"L"}, Group: Model, Default: 0, Meanings: asModel,
		Help: "encoder layers", Commands: SweepFile | Flops},
	{Key: "hidden", Field: "Hidden", Aliases: []string{"H"}, Group: Model, Default: 0, Meanings: asModel,
		Help: "hidden size", Commands: SweepFile | Flops},
	{Key: "heads", Field: "Heads", Aliases: []string{"A"}, Group: Model, Default: 0, Meanings: asModel,
		Help: "attention heads", Commands: SweepFile | Flops},
	{Key: "ffn", Field: "FFN", Aliases: []string{"F"}, Group: Model, Default: 0, Meanings: asModel,
		Help: "feed-forward size", Commands: SweepFile | Flops},
	{Key: "dropout", Field: "Dropout", Group: Model, Default: -1., Range: &Range{Min: 0, Max: 1, OpenMax: true},
		Meanings: []Meaning{{-1, "0.1 for models larger than Small, else 0"}},
		Help:     "dropout rate", Commands: SweepFile | Flops | Import},
	{Key: "init", Field: "Init", Group: Model, Default: model.TruncatedNormal,
		Help: "initial distribution of weight matrices", Commands: SweepFile | Flops | Import, RunName: Alone},
	{Key: "init_std", Field: "InitStd", Group: Model, Default: 0., Range: &Range{Min: 1e-9, Max: 10}, OmitEmpty: true,
		Meanings: []Meaning{{0, "0.02"}},
		Help:     "standard deviation of the truncated normal before it is cut at two of them, and wstd of group-lasso",
		Commands: SweepFile | Import, RunName: "std"},
	{Key: "init_rescale", Field: "Rescale", Group: Model, Default: false, Used: blockSparse,
		Help:     "divide the initial standard deviation of sparse weights by the root of the density",
		Commands: SweepFile | Flops},
	{Key: "init_from", Field: "InitFrom", Group: Model, Default: "",
		Help: "Hugging Face folder, checkpoint or run to take sizes, vocabulary and weights from; " +
			"block-sparse weights keep their blocks, fewer by norm, more drawn by the seed; " +
			"dense ones and those of another block size keep the blocks of the largest norm",
		Commands: SweepFile | Flops},
	{Key: "continue_from", Field: "ContinueFrom", Group: Model, Default: "", Path: true, OmitEmpty: true,
		Help: "run or checkpoint to go on with in a new folder: weights, moments, topology, step counter; its settings " +
			"are the defaults, and any but sizes and block-size may be given anew"},
	{Key: "init_heads", Field: "InitHeads", Group: Model, Default: false,
		Help:     "start heads that init-from lacks (pooler, MLM, NSP) at random",
		Commands: SweepFile | Flops | Import},

	{Key: "corpus", Field: "Corpus", Aliases: []string{"c"}, Group: Data, Default: []string(nil), Path: true,
		Help: "training text (file, folder, @LIST of paths, - for standard input; plain, packed, JSON lines, Parquet) " +
			"or a folder of shards; repeatable (default: built-in demo corpus)",
		Commands: SweepFile | Sweep},
	{Key: "valid", Field: "Valid", Group: Data, Default: []string(nil), Path: true,
		Help:     "validation text or shards; repeatable (default: every 20th training document)",
		Commands: SweepFile | Sweep},
	{Key: "test", Field: "Test", Group: Data, Default: []string(nil), Path: true, OmitEmpty: true,
		Help: "text or shards for the final figure: measured once, after the last step, and used for nothing else; " +
			"repeatable (default: none)",
		Commands: SweepFile | Sweep},
	{Key: "corpus_format", Field: "CorpusFormat", Group: Data, Default: "", Words: corpus.FormatNames(), OmitEmpty: true,
		Help: "what a document and a sentence is in the text of corpus, valid and test " +
			"(default: each file's own, by its content)",
		Commands: SweepFile | Sweep},
	{Key: "text_field", Field: "TextField", Group: Data, Default: "", OmitEmpty: true,
		Help:     "field of JSON lines, or column of Parquet, that holds the text (default: " + corpus.DefaultTextField + ")",
		Commands: SweepFile | Sweep},
	{Key: "vocab", Field: "Vocab", Group: Data, Default: "", Path: true,
		Help:     "vocab.txt or tokenizer.json to use (default: that of the shards or of init-from, or one trained on the text)",
		Commands: SweepFile | Sweep | Import},
	{Key: "cased", Field: "Cased", Group: Data, Default: false, OmitEmpty: true,
		Help: "vocab, or the vocabulary to train, is for text as it stands, with capital letters and accents " +
			"(default: lower case without accents; shards and init-from have their own)",
		Commands: SweepFile | Import},
	{Key: "vocab_size", Field: "VocabSize", Aliases: []string{"V"}, Group: Data, Default: 1024,
		Range: &Range{Min: 16, Max: 1 << 20},
		Help:  "size of the vocabulary to train, or that the given one must have", Commands: SweepFile | Flops},
	{Key: "seq_len", Field: "SeqLen", Aliases: []string{"S"}, Group: Data, Default: 128,
		Range: &Range{Min: 8, Max: 1 << 15},
		Help:  "sequence length in tokens", Commands: SweepFile | Flops},
	{Key: "no_nsp", Field: "NoNSP", Group: Data, Default: false, OmitEmpty: true,
		Help: "masked tokens alone, without next sentence prediction: sequences of one segment, filled from " +
			"consecutive sentences; no pooler and no NSP head (default: both, as the paper has it)",
		Commands: SweepFile | Flops | Import},
	{Key: "mlm_probability", Field: "MLMProbability", Group: Data, Default: 0.15,
		Range: &Range{Min: 0, Max: 1, OpenMin: true, OpenMax: true},
		Help:  "fraction of tokens to mask", Commands: SweepFile | Flops},

	{Key: "method", Field: "Method", Group: Sparsity, Default: model.Dynamic,
		Help: "how the encoder's weights are kept and trained; partial: dense weights of which a part is trained",

		Commands: SweepFile | Flops | Import, RunName: Alone},
	{Key: "sparsity", Field: "Sparsity", Aliases: []string{"s"}, Group: Sparsity, Default: 0.9, Used: notDense,
		Help:     "fraction of inactive (partial: of untrained) blocks in every encoder weight",
		Commands: SweepFile | Flops | Import, RunName: "s"},
	{Key: "block_size", Field: "BlockSize", Aliases: []string{"B"}, Group: Sparsity, Default: 16, Used: notDense,
		Help: "edge of a block: 1, 4, 8, 16, 32 or 64", Commands: SweepFile | Flops | Import, RunName: "b"},
	{Key: "prune_ratio", Field: "PruneRatio", Group: Sparsity, Default: 0.5, Range: &Range{Min: 0, Max: 1}, Used: dynamic,
		Help: "largest fraction of blocks moved by one update", Commands: SweepFile | Flops, RunName: "pr"},
	{Key: "updates", Field: "Updates", Aliases: []string{"n"}, Group: Sparsity, Default: 0,
		Range: &Range{Min: 1, Max: 1 << 31},
		Meanings: []Meaning{{0, "80, or 160 for B = 1, of at least 100 steps each; " +
			"where partial alternates 160, likewise"}},
		Used: some{dynamic, all{partial, is{"partial_phases", []any{model.PhasesAlternate}}}},
		Help: "phases of training between which the topology is updated: n phases, n-1 updates; " +
			"or how often partial alternates",
		Commands: SweepFile | Flops, RunName: "n"},
	{Key: "update_start", Field: "UpdateStart", Group: Sparsity, Default: 0., Range: &Range{Min: 0, Max: 1, OpenMax: true},
		OmitEmpty: true, Used: dynamic,
		Help:     "part of the run before the first phase of updates; phases and prune-schedule then take the rest",
		Commands: SweepFile},
	{Key: "update_end", Field: "UpdateEnd", Group: Sparsity, Default: 0., Range: &Range{Min: 0, Max: 1, OpenMin: true},
		OmitEmpty: true, Used: dynamic, Meanings: []Meaning{{0, "1: the end"}},
		Help:     "part of the run after which the topology stays; phases and prune-schedule then end there",
		Commands: SweepFile},
	{Key: "prune_schedule", Field: "PruneSchedule", Group: Sparsity, Default: sparse.Cosine, Used: dynamic,
		Help: "how the pruning ratio changes over the run", Commands: SweepFile | Flops},
	{Key: "prune_by", Field: "PruneBy", Group: Sparsity, Default: sparse.PruneNorm, OmitEmpty: true, Used: dynamic,
		Help: "score of a block, the smallest of which are pruned; norm: prune-norm; " +
			"saliency: sum of |w m|, m Adam's first moment",
		Commands: SweepFile, RunName: Alone},
	{Key: "prune_age", Field: "PruneAge", Group: Sparsity, Default: 0., Range: &Range{Min: 0, Max: 2}, OmitEmpty: true, Used: dynamic,
		Meanings: []Meaning{{0, "off"}},
		Help: "alpha: divide the score of a block by (v0 + sum of lr^2 since its birth)^(alpha/2), v0 the start's variance, " +
			"0 for newborns: what noise alone makes of a block of its age",
		Commands: SweepFile},
	{Key: "protect_new", Field: "ProtectNew", Group: Sparsity, Default: 0, Range: &Range{Min: 0, Max: 1 << 30}, OmitEmpty: true, Used: dynamic,
		Meanings: []Meaning{{0, "off"}},
		Help:     "updates that leave a newborn block where it is",
		Commands: SweepFile},
	{Key: "prune_norm", Field: "PruneNorm", Group: Sparsity, Default: sparse.L1,
		Used: some{dynamic, all{blockSparse, given("init_from")},
			all{partial, is{"partial_choice", []any{sparse.ChooseMagnitude}}}},
		Help: "norm of a block by which it is pruned", Commands: SweepFile | Flops | Import, RunName: Alone},
	{Key: "growth", Field: "Growth", Group: Sparsity, Default: sparse.GrowRandom, Used: blockSparse, // the start's too
		Help: "how new blocks are chosen", Commands: SweepFile | Flops | Import, RunName: Alone},
	{Key: "growth_score", Field: "GrowthScore", Group: Sparsity, Default: "", Running: true, OmitEmpty: true,
		Words: []string{"micro-batch"},
		Used:  all{dynamic, growth(sparse.Growth.Scores)},
		Help: "growth by gradient with accumulation scores a block by the sum of the norms of each micro-batch's " +
			"gradient, as the dense gradient is never stored; that is not the norm of the step's gradient and depends " +
			"on how the batch is cut (default: such a run is refused)",
		Commands: SweepFile},
	{Key: "regrow_pruned", Field: "RegrowPruned", Group: Sparsity, Default: false, Used: dynamic,
		Help: "let a block that was just pruned return at once", Commands: SweepFile | Flops},
	{Key: "ablate_neurons", Field: "AblateNeurons", Group: Sparsity, Default: 0., Range: &Range{Min: 0, Max: 1}, OmitEmpty: true,
		Meanings: []Meaning{{0, "off"}},
		Used:     all{dynamic, growth(sparse.Growth.Ablatable)},
		Help: "a block row gives all its blocks to the others, for good, when fewer than this share of them are salient: " +
			"not among the blocks of the weight that the ratio prunes",
		Commands: SweepFile},
	{Key: "distribution", Field: "Distribution", Group: Sparsity, Default: sparse.Uniform, Used: notDense,
		Help: "how the density is shared among the weights", Commands: SweepFile | Flops | Import},
	{Key: "partial_phases", Field: "PartialPhases", Group: Sparsity, Default: model.PhasesAlways, Used: partial,
		Help: "when method partial trains a part only; early and late: half of the run; " +
			"alternate: updates times all, then a part",
		Commands: SweepFile | Flops, RunName: Alone},
	{Key: "partial_choice", Field: "PartialChoice", Group: Sparsity, Default: sparse.ChooseFixed, Used: partial,
		Help:     "the blocks that it trains; random: drawn for each phase; magnitude: largest by prune-norm",
		Commands: SweepFile | Flops, RunName: Alone},
	{Key: "partial_rest", Field: "PartialRest", Group: Sparsity, Default: model.Frozen, Used: partial,
		Help: "what becomes of the others", Commands: SweepFile | Flops, RunName: Alone},

	{Key: "max_steps", Field: "MaxSteps", Aliases: []string{"steps"}, Group: Optim, Default: int64(1500),
		Range: &Range{Min: 1, Max: 1 << 31}, Help: "optimizer steps", Commands: SweepFile, RunName: "steps"},
	{Key: "epochs", Field: "Epochs", Group: Optim, Default: 0., Range: &Range{Min: 0, Max: 1e6, OpenMin: true},
		Meanings: []Meaning{{0, "max-steps counts"}}, Help: "passes over the corpus instead of max-steps",
		Commands: SweepFile},
	{Key: "batch_size", Field: "BatchSize", Aliases: []string{"b"}, Group: Optim, Default: 16,
		Range: &Range{Min: 1, Max: 1 << 20}, Help: "sequences in a micro-batch", Commands: SweepFile | Flops},
	{Key: "gradient_accumulation_steps", Field: "Accumulation", Aliases: []string{"accum"}, Group: Optim, Default: 1,
		Range: &Range{Min: 1, Max: MaxAccumulation}, Help: "micro-batches in a step", Commands: SweepFile},
	{Key: "replicas", Field: "Replicas", Group: Optim, Default: 0, Range: &Range{Min: 1, Max: MaxAccumulation}, OmitEmpty: true,
		Meanings: []Meaning{{0, "as many as processes begin the run"}},
		Help: "a power of two: a step's micro-batches fall into so many shards, whose gradients are added in a fixed " +
			"binary tree, so that other numbers of processes compute the same bits",
		Commands: SweepFile},
	{Key: "gradient_checkpointing", Field: "Checkpointing", Group: Optim, Default: false, Running: true,
		Help: "keep only the output of each encoder layer and run it again for the backward pass: " +
			"less memory, same results, a third more products",
		Commands: SweepFile | Flops},
	{Key: "learning_rate", Field: "LearningRate", Aliases: []string{"lr"}, Group: Optim, Default: 0.,
		Range: &Range{Min: 0, Max: 1e3, OpenMin: true}, Meanings: []Meaning{{0, "the paper's rule for size and sparsity"}},
		Help: "peak learning rate", Commands: SweepFile, RunName: "lr"},
	{Key: "warmup_steps", Field: "WarmupSteps", Aliases: []string{"warmup"}, Group: Optim, Default: int64(-1),
		Range: &Range{Min: 0, Max: 1 << 31}, Meanings: []Meaning{{-1, "a tenth of the run, at most 10000"}},
		Help: "steps of linear warm-up", Commands: SweepFile},
	{Key: "lr_schedule", Field: "LRSchedule", Group: Optim, Default: model.LRLinear, OmitEmpty: true,
		Help: "the rate after warm-up: linear and cosine fall to 0 at the end; constant stays; " +
			"wsd stays and falls linearly to 0 over the last tenth of the run",
		Commands: SweepFile, RunName: Alone},
	{Key: "lr_sparse_scale", Field: "LRSparseScale", Group: Optim, Default: 0., Range: &Range{Min: 1e-6, Max: 1e3}, OmitEmpty: true,
		Meanings: []Meaning{{0, "1"}},
		Used:     blockSparse, Help: "factor on the learning rate of block-sparse weights alone", Commands: SweepFile},
	{Key: "adam_beta1", Field: "AdamBeta1", Group: Optim, Default: 0., Range: &Range{Min: 0, Max: 0.999999, OpenMin: true}, OmitEmpty: true,
		Meanings: []Meaning{{0, "0.9"}},
		Help:     "decay of Adam's first moment", Commands: SweepFile, RunName: "b1-"},
	{Key: "adam_beta2", Field: "AdamBeta2", Group: Optim, Default: 0., Range: &Range{Min: 0, Max: 0.999999, OpenMin: true}, OmitEmpty: true,
		Meanings: []Meaning{{0, "0.999"}},
		Help:     "decay of Adam's second moment", Commands: SweepFile, RunName: "b2-"},
	{Key: "adam_epsilon", Field: "AdamEpsilon", Group: Optim, Default: 0., Range: &Range{Min: 1e-30, Max: 1}, OmitEmpty: true,
		Meanings: []Meaning{{0, "0.000001"}},
		Help:     "added to the root of Adam's second moment", Commands: SweepFile, RunName: "eps"},
	{Key: "newborn_clock", Field: "NewbornClock", Group: Optim, Default: model.OwnClock, OmitEmpty: true, Used: dynamic,
		Help: "what Adam's bias correction of a newborn block counts: the steps since its birth, or all steps of the run, " +
			"by which its first steps are larger",
		Commands: SweepFile, RunName: "clock-"},
	{Key: "weight_decay", Field: "WeightDecay", Aliases: []string{"wd"}, Group: Optim, Default: 0.01,
		Range: &Range{Min: 0, Max: 1e3}, Help: "decoupled weight decay (not on biases and LayerNorm)",
		Commands: SweepFile, RunName: "wd"},
	{Key: "group_lasso", Field: "GroupLasso", Group: Optim, Default: 0., Range: &Range{Min: 0, Max: 1e3}, Used: blockSparse,
		Meanings: []Meaning{{0, "off"}}, Help: "decoupled Group Lasso on sparse blocks",
		Commands: SweepFile, RunName: "gl"},
	{Key: "max_grad_norm", Field: "MaxGradNorm", Aliases: []string{"clip"}, Group: Optim, Default: 1.,
		Range: &Range{Min: 0, Max: 1e30}, Meanings: []Meaning{{0, "off"}}, Help: "clip the global gradient norm",
		Commands: SweepFile},
	{Key: "seed", Field: "Seed", Group: Optim, Default: uint64(1), Help: "seed of every random draw",
		Commands: SweepFile | Import, RunName: "seed"},

	{Key: "device", Field: "Device", Aliases: []string{"d"}, Group: Running, Default: "auto", Running: true,
		Words: []string{"auto", "cpu", "cuda", "sim"},
		Help:  "what computes; auto: cuda where there is a GPU and the helper binary for it", Commands: Sweep | Device},
	{Key: "precision", Field: "Precision", Group: Running, Default: "fp32", Words: []string{"fp32", "bf16"},
		Help: "type of activations; bf16: not on the cpu", Commands: SweepFile | Sweep | Flops | Device},
	{Key: "threads", Field: "Threads", Aliases: []string{"t"}, Group: Running, Default: 0, Running: true,
		Range: &Range{Min: 1, Max: MaxThreads}, Meanings: []Meaning{{0, "one a core"}},
		Help: "CPU threads", Commands: Sweep | Device},
	{Key: "peak", Field: "Peak", Group: Running, Default: 0., Running: true, OmitEmpty: true,
		Range:    &Range{Min: 1e-9, Max: 1e6}, // below, the utilization could be infinite
		Meanings: []Meaning{{0, "of the GPU's data sheet, where that is known"}},
		Help:     "TFLOP/s that the device could do at most, for model FLOP utilization", Commands: SweepFile},
	{Key: "cpu_path", Field: "CPUPath", Group: Running, Default: "", Running: true, OmitEmpty: true,
		Words: []string{"go", "avx2", "avx512", "avx512-bcst"}, Used: is{"device", []any{"auto", "cpu"}},
		Help: "instructions of the cpu device: two machines give the same bits on one path only; go is on all " +
			"(default: the fastest that the machine has)",
		Commands: Sweep | Device},
	{Key: "ptx", Field: "PTX", Group: Running, Default: false, Running: true, OmitEmpty: true,
		Used:     is{"device", []any{"auto", "cuda"}},
		Help:     "have the GPU's driver compile the kernels even where the program holds machine code for the GPU",
		Commands: Sweep | Device},
	{Key: "mpi_library", Field: "MPILibrary", Group: Running, Default: "", Running: true, OmitEmpty: true,
		Help: "file or name of the MPI library that joins the processes of mpirun or srun; none: each trains alone " +
			"(default: that of the mpirun in PATH, else the loader's)",
		Commands: Sweep},
	{Key: "nccl_library", Field: "NCCLLibrary", Group: Running, Default: "", Running: true, OmitEmpty: true,
		Help: "file or name of the NCCL library that moves data between GPUs; none: it goes through the host " +
			"(default on GPUs: the loader's libnccl.so.2; --device sim has one only where it is named)",
		Commands: Sweep},
	{Key: "processes", Field: "Processes", Group: Running, Default: 0, Running: true, OmitEmpty: true,
		Range: &Range{Min: 1, Max: MaxProcesses}, Meanings: []Meaning{{0, "1, or as many as a launcher has started or asks for"}},
		Help: "start so many processes on this machine that train together, on GPUs one for each"},
	{Key: "ddp_timeout", Field: "DDPTimeout", Group: Running, Default: 0, Running: true, OmitEmpty: true,
		Range: &Range{Min: 1, Max: 1 << 24}, Meanings: []Meaning{{0, "300"}},
		Help:     "seconds after which a process that does not answer the others ends the run",
		Commands: Sweep},
	{Key: "output_dir", Field: "OutputDir", Aliases: []string{"out", "o"}, Group: Running, Default: "", Running: true,
		Help: "run folder (default: a new one under runs/)"},
	{Key: "resume", Field: "Resume", Aliases: []string{"r"}, Group: Running, Default: false, Running: true,
		Help: "go on with the run in output-dir"},
	{Key: "save_steps", Field: "SaveSteps", Group: Running, Default: int64(0), Running: true,
		Range: &Range{Min: 1, Max: inf}, Meanings: []Meaning{{0, "a tenth of the run"}, {-1, "at the end only"}},
		Help: "steps between checkpoints", Commands: SweepFile},
	{Key: "save_total_limit", Field: "SaveTotalLimit", Group: Running, Default: 2, Running: true,
		Range: &Range{Min: 1, Max: inf}, Meanings: []Meaning{{0, "all"}},
		Help: "checkpoints to keep", Commands: SweepFile},
	{Key: "eval_steps", Field: "EvalSteps", Group: Running, Default: int64(0),
		Range: &Range{Min: 1, Max: inf}, Meanings: []Meaning{{0, "at the end"}},
		Help: "steps between evaluations", Commands: SweepFile},
	{Key: "eval_on_start", Field: "EvalOnStart", Group: Running, Default: false, OmitEmpty: true,
		Help: "evaluate before the first step, too", Commands: SweepFile},
	{Key: "eval_batches", Field: "EvalBatches", Group: Running, Default: -1,
		Range: &Range{Min: 1, Max: inf}, Meanings: []Meaning{{-1, "16, on sim 1"}, {0, "the whole set"}},
		Help: "batches of an evaluation during training", Commands: SweepFile},
	{Key: "final_eval_batches", Field: "FinalBatches", Group: Running, Default: -1,
		Range: &Range{Min: 1, Max: inf}, Meanings: []Meaning{{-1, "the whole set, on sim 1"}, {0, "the whole set"}},
		Help: "batches of the evaluation after the last step", Commands: SweepFile},
	{Key: "save_best", Field: "SaveBest", Group: Running, Default: false, Running: true, OmitEmpty: true,
		Help:     "keep the checkpoint of the smallest MLM loss on the validation text in best/, beside the limit; needs eval-steps",
		Commands: SweepFile},
	{Key: "early_stop", Field: "EarlyStop", Group: Running, Default: 0, Running: true, OmitEmpty: true,
		Range: &Range{Min: 1, Max: inf}, Meanings: []Meaning{{0, "off"}},
		Help: "end the run after so many evaluations in a row without a smaller MLM loss on the validation text; " +
			"needs eval-steps",
		Commands: SweepFile},
	{Key: "logging_steps", Field: "LoggingSteps", Group: Running, Default: int64(20),
		Range: &Range{Min: 1, Max: inf}, Help: "steps between log lines", Commands: SweepFile},
	{Key: "save_topology", Field: "SaveTopology", Group: Running, Default: false, Running: true, OmitEmpty: true, Used: blockSparse,
		Help:     "keep where the active blocks are, and their ages, at the start and after each update, in topology/",
		Commands: SweepFile},
	{Key: "topology_limit", Field: "TopologyLimit", Group: Running, Default: 0, Running: true, OmitEmpty: true, Used: blockSparse,
		Range: &Range{Min: 1, Max: 1 << 30}, Meanings: []Meaning{{0, "1024"}},
		Help:     "MiB that these files take at most; where all are more, only every second, third, ... update has one",
		Commands: SweepFile},
	{Key: "metrics_addr", Field: "MetricsAddr", Group: Running, Default: "", Running: true, OmitEmpty: true,
		Help: "serve metrics for Prometheus at this address: a port, on loopback only, or host:port (default: nowhere)"},
	{Key: "on_event", Field: "OnEvent", Group: Running, Default: "", Running: true, OmitEmpty: true,
		Help: "shell command that gets a JSON object on standard input at each evaluation, checkpoint and at the end " +
			"(default: none)"},
	{Key: "max_time", Field: "MaxTime", Group: Running, Default: "", Running: true, OmitEmpty: true,
		Help:     "end after this time as if stopped: the step is finished and saved, exit code 75; 23h50m, 90m, 11:50:00 or seconds",
		Commands: Sweep},
	{Key: "dry_run", Field: "DryRun", Group: Running, Default: false, Running: true,
		Help: "check everything, print parameters, FLOPs, memory and disk, write nothing"},
	{Key: "quiet", Field: "Quiet", Aliases: []string{"q"}, Group: Running, Default: false, Running: true,
		Help: "print warnings, errors and the summary only", Commands: Sweep},
	{Key: "json_logs", Field: "JSONLogs", Group: Running, Default: false, Running: true,
		Help: "log lines as JSON", Commands: Sweep},
}
