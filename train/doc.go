// Package train pre-trains a BERT: it turns a configuration into data, a model and a
// device, runs the steps, and keeps a run folder from which the run can go on.
//
// # A run
//
// A [Config] says what is trained. [DefaultConfig] is BERT-Tiny with dynamic block
// sparsity on the built-in demo corpus; a file is read over it. An [Opener] opens the
// device, so that a program links only those that it wants.
//
//	c := train.DefaultConfig()
//	c.Corpus, c.OutputDir = []string{"text.txt"}, "runs/first"
//	summary, err := train.Run(ctx, c, open, nil)
//
//	func open(device, precision string, threads int) (backend.Backend, error) {
//		return cpu.New(cpu.Options{Threads: threads})
//	}
//
// What is the user's fault is an error for which [IsUsage] is true, and then nothing
// has been written. A run that its context ends saves a checkpoint first and returns
// [ErrStopped].
//
// # Watching
//
// An [Observer] is told of every step, log line, topology update, evaluation and
// checkpoint. Embed [NopObserver] to watch a part.
//
//	type losses struct{ train.NopObserver }
//
//	func (losses) Logged(m train.TrainMetrics) { fmt.Println(m.Step, m.MLMLoss) }
//
// # Going on
//
// A run whose process ended goes on from its newest good checkpoint. It then gives
// the same bits as one that was never interrupted: random draws are functions of the
// step, not of history.
//
//	c, err := train.ReadRunConfig("runs/first")
//	c.Resume = true
//	summary, err := train.Run(ctx, c, open, nil)
//
// It goes on in another folder, with other settings, by way of [ContinuedConfig].
//
//	c, err := train.ContinuedConfig("runs/first")
//	c.OutputDir, c.MaxSteps, c.LearningRate = "runs/longer", 40000, 0.001
//	summary, err := train.Run(ctx, c, open, nil)
//
// # Several processes
//
// [RunGroup] carries out a run in several processes, which a [model.Communicator] joins.
// The results do not depend on their number.
//
//	summary, err := train.RunGroup(ctx, group, c, open, nil)
//
// # What a run would take
//
// [DryRun] makes every check that Run makes before its first step and says what the
// run takes: parameters, FLOPs, memory, disk. [EstimateCost] counts without reading
// any text.
//
//	cost, err := train.EstimateCost(c)
//	fmt.Println(cost.Stored, cost.NonEmbeddingFLOPs, cost.MemoryBytes)
//
// # Checkpoints
//
// A checkpoint is named by its folder, or by the run's for the newest good one.
//
//	e, err := train.Evaluate(ctx, "runs/first", train.EvalOptions{}, open)
//	fmt.Println(e.Metrics.MLMLoss, e.Metrics.Perplexity())
//
//	_, err = train.Export(ctx, "runs/first", "first-hf", train.FormatHF, "")
//	in, err := train.Inspect("runs/first")
//
// [OpenWeights] reads a checkpoint's parameters one by one, [LoadModel] all of them
// into a model on a device, and [Import] makes a checkpoint of a Hugging Face folder.
//
// # The run folder
//
//	config.yaml        the configuration, every default worked out
//	environment.json   where and how the run was begun
//	status.json        how it stands, and all processes that worked on it
//	vocab.txt          the vocabulary
//	text.json          the fingerprints of the text
//	metrics.jsonl      a record for every log line, evaluation, topology update, ...
//	events.out.*       the same for TensorBoard
//	checkpoints/       step-N folders
package train
