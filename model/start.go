package model

import "github.com/sparsebert/sparsebert-gpu/sparse"

// startTopology returns the first topology of a sparse tensor, nil of a dense
// one: drawn under the tensor's index, so tensors are independent.
func startTopology(t Tensor, c Config, seed uint64) (*sparse.Topology, error) {
	if !t.Sparse {
		return nil, nil
	}
	if c.Growth.Balanced() {
		return sparse.FanInTopology(t.Shape(), t.NNZ, seed, t.Index)
	}
	return sparse.StartTopology(t.Shape(), t.NNZ, seed, t.Index)
}

// InitialTopology returns the first topology of a tensor: what New gives it under the
// same seed. It is nil for a tensor that is not Sparse. Errors: those of package sparse.
func InitialTopology(t Tensor, c Config, seed uint64) (*sparse.Topology, error) {
	return startTopology(t, c, seed)
}

// topologies makes the first topology of each tensor. For a plan any of the
// right size will do, and the same for all tensors of a shape.
type topologies struct {
	plan bool
	made map[topologySize]*sparse.Topology
}

type topologySize struct {
	sparse.Shape
	nnz int
}

func (s *topologies) of(t Tensor, c Config, seed uint64) (*sparse.Topology, error) {
	if !s.plan || !t.Sparse {
		return startTopology(t, c, seed)
	}
	size := topologySize{t.Shape(), t.NNZ}
	if made := s.made[size]; made != nil {
		return made, nil
	}
	rows, cols := make([]int32, t.NNZ), make([]int32, t.NNZ)
	for i := range rows {
		rows[i], cols[i] = int32(i/size.BlockCols()), int32(i%size.BlockCols())
	}
	topo, err := sparse.NewTopology(size.Shape, rows, cols)
	if err == nil {
		if s.made == nil {
			s.made = map[topologySize]*sparse.Topology{}
		}
		s.made[size] = topo
	}
	return topo, err
}
