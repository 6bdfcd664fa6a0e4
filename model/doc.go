// Package model is BERT for pre-training: configuration, the table of its
// parameters, initialization, forward and backward pass, the two losses, the
// optimizer step and the accounts of arithmetic and memory.
//
// The network is Hugging Face's BertForPreTraining (Devlin et al. 2019): token,
// position and segment embeddings, post-LayerNorm encoder layers with erf GELU,
// pooler and next-sentence head on [CLS], masked-language head with decoder
// weights tied to the token embedding. The six weights of each encoder layer are
// block-sparse unless the method is [Dense]: only active blocks have values,
// gradients and Adam moments.
//
// The package does no arithmetic on tensors. It says in which order a
// [backend.Backend] does which operations on which buffers. Four things hold it
// together:
//
//   - [Table] lists every parameter once. Shapes, initial values, checkpoint
//     names, counts, FLOPs and memory derive from it.
//   - newActivations (activations.go) lists every other buffer once, for the
//     model and for the memory account alike.
//   - forward.go and heads.go queue the operations from tokens to losses,
//     backward.go and heads.go those back to the gradients.
//   - [Model.Step] accumulates micro-batches, clips, updates the weights and,
//     when due, the topology.
//
// Letters are those of the project: T tokens of a micro-batch, S sequence length,
// H hidden, F feed-forward, A heads, D head size, V vocabulary, L layers, M
// masked positions, O x I a weight's shape, B block size, nnzb active blocks.
package model
