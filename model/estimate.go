package model

import "math"

// CostEstimate is what a model will cost, before anything is built: parameters,
// arithmetic and memory, beside those of the same model with method dense.
type CostEstimate struct {
	Counts

	// The sizes of Options.
	SeqLen     int `json:"seq_len"`
	MicroBatch int `json:"micro_batch"`
	MaxMasked  int `json:"max_masked"`

	// AskedDensity is d = 1 - s. What the encoder really has is EncoderActive of
	// Encoder: each tensor has whole blocks.
	AskedDensity float64 `json:"asked_density"`

	// Training on one sequence, forward and backward: the paper's count on the blocks
	// that exist, beside it at the density asked for (AskedNonEmbeddingFLOPs), and of
	// the dense model; what is executed is said by FLOPPart.
	NonEmbeddingFLOPs      float64    `json:"non_embedding_flops_per_sequence"`
	AskedNonEmbeddingFLOPs float64    `json:"asked_non_embedding_flops_per_sequence"`
	DenseNonEmbeddingFLOPs float64    `json:"dense_non_embedding_flops_per_sequence"`
	ExecutedFLOPs          float64    `json:"executed_flops_per_sequence"`
	DenseExecutedFLOPs     float64    `json:"dense_executed_flops_per_sequence"`
	FLOPs                  []FLOPPart `json:"flops"`
	// GrowthFLOPs is what gradient growth adds on a step with a topology update:
	// the weight gradient at every position. 0 for other growth.
	GrowthFLOPs float64 `json:"growth_flops_per_sequence_of_update_step"`

	// What the model allocates on a backend, in bytes (backend.MemoryBytes).
	MemoryBytes      int64        `json:"memory_bytes"`
	DenseMemoryBytes int64        `json:"dense_memory_bytes"`
	Memory           []MemoryPart `json:"memory"`
}

// EstimateCost returns the cost of a model of configuration c built for o on a
// backend that stores s. Its MemoryBytes are what New takes from a fresh one.
// Errors wrap ErrConfig.
func EstimateCost(c Config, o Options, s Storage) (CostEstimate, error) {
	table, err := Table(c)
	if err != nil {
		return CostEstimate{}, err
	}
	if err := o.validate(c); err != nil {
		return CostEstimate{}, err
	}
	dense := c
	dense.Method = Dense
	denseTable, err := Table(dense)
	if err != nil {
		return CostEstimate{}, err
	}

	e := CostEstimate{Counts: Count(table), SeqLen: o.SeqLen, MicroBatch: o.MicroBatch, MaxMasked: o.MaxMasked}
	if e.AskedNonEmbeddingFLOPs, err = AskedNonEmbeddingFLOPs(c, o.SeqLen); err != nil {
		return CostEstimate{}, err
	}
	if e.DenseNonEmbeddingFLOPs, err = AskedNonEmbeddingFLOPs(dense, o.SeqLen); err != nil {
		return CostEstimate{}, err
	}
	e.AskedDensity = c.Density()
	e.FLOPs = flopParts(c, table, o)
	for _, p := range e.FLOPs {
		if p.nonEmbedding() {
			e.NonEmbeddingFLOPs += p.Theoretical
		}
		e.ExecutedFLOPs += p.Executed
		e.DenseExecutedFLOPs += p.Dense
	}
	if collectsGrowth(c) {
		e.GrowthFLOPs = 2 * float64(o.SeqLen) * float64(e.Encoder)
	}

	e.Memory = memoryParts(c, table, o, s)
	other := memoryParts(dense, denseTable, o, s)
	for i := range e.Memory {
		e.Memory[i].Dense = other[i].Bytes
		e.MemoryBytes += e.Memory[i].Bytes
		e.DenseMemoryBytes += other[i].Bytes
	}
	return e, nil
}

// OffDensity tells whether the FLOPs of the blocks that exist are others than those at
// the density asked for, by more than one in a thousand.
func (e CostEstimate) OffDensity() bool {
	asked := e.AskedNonEmbeddingFLOPs
	return !(math.Abs(e.NonEmbeddingFLOPs-asked) <= asked/1000)
}
