package model

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
)

// CostEstimate is what a model will cost, before anything is built: parameters,
// arithmetic and memory, beside those of the same model with method dense.
type CostEstimate struct {
	Counts

	SeqLen     int `json:"seq_len"`
	MicroBatch int `json:"micro_batch"`
	MaxMasked  int `json:"max_masked"`

	// Training on one sequence, forward and backward; see NonEmbeddingFLOPs and
	// FLOPPart.
	NonEmbeddingFLOPs      float64    `json:"non_embedding_flops_per_sequence"`
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

// MemoryPart is one line of the estimate of memory, in bytes.
type MemoryPart struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
	Dense int64  `json:"dense"` // of the same model with method dense
}

// Storage says in which dtypes a backend keeps things.
type Storage struct {
	Param      backend.DType // values, gradients and moments
	Activation backend.DType
}

// StorageOf returns the dtypes that b keeps a model in.
func StorageOf(b backend.Backend) Storage {
	s := Storage{Param: backend.F32, Activation: b.Activation()}
	if s.Activation == backend.F64 {
		s.Param = backend.F64
	}
	return s
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
	if e.NonEmbeddingFLOPs, err = NonEmbeddingFLOPs(c, o.SeqLen); err != nil {
		return CostEstimate{}, err
	}
	if e.DenseNonEmbeddingFLOPs, err = NonEmbeddingFLOPs(dense, o.SeqLen); err != nil {
		return CostEstimate{}, err
	}
	e.FLOPs = flopParts(c, table, o)
	for _, p := range e.FLOPs {
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

// memoryParts lists the bytes of what New allocates.
func memoryParts(c Config, table []Tensor, o Options, s Storage) []MemoryPart {
	var stored, topology, scores int64
	for _, t := range table {
		stored += int64(t.Stored())
		if !t.Sparse {
			continue
		}
		m := t.Shape().SparseMemory(t.NNZ)
		topology += m.Indices + m.History + m.Explored
		if collectsGrowth(c) {
			scores += int64(backend.F32.Size()) * int64(t.Shape().Positions())
		}
	}
	values := stored * int64(s.Param.Size())
	parts := []MemoryPart{
		{Name: "weights", Bytes: values},
		{Name: "gradients", Bytes: values},
		{Name: "adam moments", Bytes: 2 * values},
		{Name: "topology", Bytes: topology},
		{Name: "growth scores", Bytes: scores},
	}
	line := make(map[string]int, 5)
	for _, name := range []string{partInputs, partActivations, partHeads, partBackward, partStatistics} {
		line[name] = len(parts)
		parts = append(parts, MemoryPart{Name: name})
	}
	newActivations(c, o, s.Activation, func(part, _ string, dt backend.DType, n int) backend.Buffer {
		parts[line[part]].Bytes += int64(n) * int64(dt.Size())
		return nil
	})
	return parts
}

// AddWorking adds to the estimate of memory what the model takes on a device
// beside its buffers and parameters; dense is that of the same model with
// method dense, planned on the same backend.
func (e *CostEstimate) AddWorking(own, dense backend.DeviceMemory) {
	for i, p := range own.Working {
		part := MemoryPart{Name: p.Name, Bytes: p.Bytes}
		if i < len(dense.Working) {
			part.Dense = dense.Working[i].Bytes
		}
		e.Memory = append(e.Memory, part)
		e.MemoryBytes += part.Bytes
		e.DenseMemoryBytes += part.Dense
	}
}
