package train

import (
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
	"github.com/sparsebert/sparsebert-gpu/train/internal/history"
)

// TopologyFolder is the folder, in a run folder, of the files of Config.SaveTopology.
const TopologyFolder = history.FolderName

// topologyFiles works out what saved topologies take: the most bytes of a file, and that
// every so many updates have one, counted back from the last, so that all are within
// topology_limit; 0 where nothing is saved.
func (p *Plan) topologyFiles() (bytes int64, every int, err error) {
	c := &p.Config
	if !c.SaveTopology || !p.Model.Method.BlockSparse() {
		return 0, 0, nil
	}
	table, err := model.Table(p.Model)
	if err != nil {
		return 0, 0, err
	}
	var shapes []sparse.Shape
	var nnz []int
	for _, t := range table {
		if t.Sparse {
			shapes, nnz = append(shapes, t.Shape()), append(nnz, t.NNZ)
		}
	}
	bytes, every = history.Bytes(shapes, nnz), 1
	limit := c.topologyLimit() << 20
	for every < len(p.UpdateAt) && p.savedTopologies(every) > limit/bytes {
		every++
	}
	return bytes, every, nil
}

// topologyLimit is what all files may take together, in MiB.
func (c *Config) topologyLimit() int64 {
	if c.TopologyLimit == 0 {
		return 1024
	}
	return int64(c.TopologyLimit)
}

// savedTopologies is how many files there are with one for every so many updates: that of
// the start too.
func (p *Plan) savedTopologies(every int) int64 {
	return int64((len(p.UpdateAt)+every-1)/every) + 1
}

// warnTopology says where not every update is saved.
func (p *Plan) warnTopology() error {
	bytes, every, err := p.topologyFiles()
	if err == nil && every > 1 {
		p.Warnings = append(p.Warnings, fmt.Sprintf("save_topology: a file may take %s; within topology_limit %d MiB every %s of the %d updates has one",
			mebibytes(bytes+1<<20-1), p.Config.topologyLimit(), ordinal(every), len(p.UpdateAt)))
	}
	return err
}

// ordinal writes a number of a place.
func ordinal(n int) string {
	suffix := "th"
	switch {
	case n%100/10 == 1:
	case n%10 == 1:
		suffix = "st"
	case n%10 == 2:
		suffix = "nd"
	case n%10 == 3:
		suffix = "rd"
	}
	return fmt.Sprint(n, suffix)
}

// saveTopology writes where the active blocks are, at the start of the run (u is nil) and
// after the updates that are due. On a GPU it waits for them.
func (r *runner) saveTopology(u *sparse.Update) error {
	if r.topologyEvery == 0 || !r.writes() {
		return nil
	}
	at := history.Point{Step: r.done, Update: int64(r.plan.updatesBy(r.done))}
	if u != nil {
		place := u.Number - r.plan.updateShift() // in UpdateAt, from 1
		if (len(r.plan.UpdateAt)-place)%r.topologyEvery != 0 {
			return nil
		}
		at.Update = int64(u.Number)
	}
	var tensors []history.Tensor
	for i, row := range r.model.Table() {
		if !row.Sparse {
			continue
		}
		t, err := r.model.Backend().Topology(r.model.Params()[i])
		if err != nil {
			return fmt.Errorf("read topology of %s: %w", row.Name, err)
		}
		tensors = append(tensors, history.Tensor{Name: row.Name, Topology: t})
	}
	return history.Write(r.folder.Path(TopologyFolder), at, tensors)
}
