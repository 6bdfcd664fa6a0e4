package model

import "github.com/sparsebert/sparsebert-gpu/backend"

// MemoryPart is one line of the estimate of memory, in bytes.
type MemoryPart struct {
	Name  string `json:"name"`  // what the bytes hold
	Bytes int64  `json:"bytes"` // of this model
	Dense int64  `json:"dense"` // of the same model with method dense
}

// Storage says how a backend keeps things.
type Storage struct {
	Param      backend.DType // values, gradients and moments
	Activation backend.DType
	// KeepsDropout: what dropout keeps is stored, one bit an element
	// (backend.Capabilities).
	KeepsDropout bool
	// Sums: sums over replicas are kept on the device (backend.Packer), whose UUID Device is;
	// zero: it has none.
	Sums   bool
	Device [16]byte
}

// StorageOf returns how b keeps a model.
func StorageOf(b backend.Backend) Storage {
	s := Storage{Param: backend.F32, Activation: b.Activation(), KeepsDropout: b.Capabilities().KeepsDropout}
	if s.Activation == backend.F64 {
		s.Param = backend.F64
	}
	if p := b.Capabilities().Packer; p != nil {
		s.Sums, s.Device = true, p.UUID()
	}
	return s
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
		{Name: "adam moments", Bytes: 2 * values / int64(o.shards())},
		{Name: "topology", Bytes: topology},
		{Name: "growth scores", Bytes: scores},
	}
	if s.Sums && o.Replicas > 1 {
		parts = append(parts, MemoryPart{Name: "sums over replicas"})
		newSumVectors(table, o, s, func(_ string, n int) backend.Buffer {
			parts[len(parts)-1].Bytes += int64(n) * int64(backend.F32.Size())
			return nil
		})
	}
	line := make(map[string]int, 5)
	for _, name := range []string{partInputs, partActivations, partHeads, partBackward, partStatistics} {
		line[name] = len(parts)
		parts = append(parts, MemoryPart{Name: name})
	}
	newActivations(c, o, s, func(part, _ string, dt backend.DType, n int, columns ...int) backend.Buffer {
		for _, c := range columns {
			n *= c
		}
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
