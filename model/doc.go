// Package model is BERT for pre-training on any device: configuration, the table of its
// parameters, initialization, forward and backward pass, the two losses, the optimizer step, and
// what all that costs.
//
// The network is Hugging Face's BertForPreTraining (Devlin et al. 2019):
//
//	ids, segments                                masked positions
//	     |                                              |
//	  Embed, LayerNorm                              +-> Gather -> dense, GELU, LayerNorm
//	     |                                          |      -> decoder -> MLM loss
//	 L x | q k v -> attention -> dense -> LayerNorm |
//	     | dense, GELU -> dense -> LayerNorm -------+-> [CLS] -> pooler, tanh
//	                                                       -> dense -> NSP loss
//
// Each LayerNorm of a layer stands behind the sum with what came in, GELU is the exact one, and
// the decoder's weight is the token embedding. The six weights of each encoder layer are
// block-sparse (package sparse) unless the method is [Dense]: only active blocks have values,
// gradients and Adam moments.
//
// # Configurations
//
// [Preset] gives the sizes of the BERT family, with the method [Dynamic] at sparsity 0.9 and
// blocks of 16. Every field can be changed; [Config.Validate] says what does not fit.
//
//	c, err := model.Preset("tiny")
//	c.Sparsity, c.BlockSize = 0.75, 8
//	err = c.Validate()
//
// # Parameters
//
// [Table] lists every parameter once, under Hugging Face's names. Shapes, initial values, counts,
// FLOPs, memory and the keys of checkpoints derive from it.
//
//	table, err := model.Table(c)
//	n := model.Count(table) // of parameters, stored and active ones
//
// # Models
//
// A model lives on a device (package backend; cpu and gpu have one each). All of its memory is
// taken at once, for the sizes of [Options].
//
//	b, err := cpu.New(cpu.Options{})
//	m, err := model.New(b, c, model.Options{MicroBatch: 16, SeqLen: 128, MaxMasked: 20, Seed: 1})
//
// # Batches
//
// A [Batch] has Size sequences of S tokens, padded at their ends. Masked positions count through
// all tokens of the batch; -1 marks a slot that is not used. Here S is 6, MaxMasked 2:
//
//	IDs           [ 2 17  4 31  3  0 | 2 25  4  3  0  0 ]   4: the mask, 0: padding
//	Lengths       [ 5                | 4                ]
//	MaskedPos     [ 2 -1             | 8 -1             ]
//	MaskedLabels  [ 23 -1            | 19 -1            ]
//	NSPLabels     [ 0                | 1                ]   1: the second part does not follow
//
// # Training
//
// [Model.Step] adds up the gradients of all micro-batches, clips, updates the weights and, when
// one is due, the topology. The result has the losses of before the update.
//
//	r, err := m.Step(model.StepArgs{
//		Step: step, LR: 1e-3, Adam: backend.AdamConfig{Beta1: 0.9, Beta2: 0.999, Eps: 1e-6},
//		Update: &sparse.Update{Seed: 1, Number: 1, PruneRatio: 0.5}, // nil: none is due
//	}, []model.Batch{batch})
//	e, err := m.Eval(batch)        // sums of losses, without dropout
//	where, err := m.Topologies()   // of the block-sparse weights
//
// # Cost
//
// [EstimateCost] says before anything is built what a model takes: parameters, floating-point
// operations of a sequence, and bytes, beside those of the same model with dense weights.
// [PlanMemory] asks a device for what it will add.
//
//	e, err := model.EstimateCost(c, o, model.StorageOf(b))
//
// # Inside
//
// The package does no arithmetic on tensors. It says in which order a [backend.Backend] does which
// operations on which buffers: network.go gives the parameters their roles, activations.go lists
// every other buffer, forward.go, heads.go and backward.go queue the operations, upload.go hands
// over batches, recording.go names sequences that a device may repeat, and statistics.go reads
// losses and norms.
//
// Letters are those of the project: T tokens of a micro-batch, S sequence length, H hidden, F
// feed-forward, A heads, D head size, V vocabulary, L layers, M masked positions, O x I a weight's
// shape, B block size, nnzb active blocks.
package model
