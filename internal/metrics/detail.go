package metrics

// Tensor is what one topology update did to one block-sparse tensor: the parts of
// which a [Topology] record is the mean.
type Tensor struct {
	Step            int64
	Tensor          string // the parameter's name
	Pruned          int64  // blocks
	ExploredDOF     float64
	RemovedNewRatio *float64 // nil: nothing was pruned
	Turnover        float64
	MeanAge         float64 // steps
	EmptyRows       int64
	EmptyCols       int64

	// 0 or nil in files of older versions.
	Active          int64    // blocks
	Positions       int64    // blocks of the dense weights
	NewbornShare    *float64 // fraction of the active blocks that the last update had grown
	RemovedNewDense *float64 // pruned blocks that the last update had grown, over Positions
	StartShare      *float64 // fraction of the active blocks that are active since the start
	Survival1       *float64 // fraction of the blocks that the last update had grown, still active; nil: none
	Survival2       *float64 // of those of two updates ago
	Survival4       *float64 // four
	Survival8       *float64 // eight
	NewbornNorm     *float64 // mean norm of the newborns over the largest norm pruned; nil: no such
	AblatedRows     int64    // block rows that lost all their blocks to the others
}

// Kind implements [Record].
func (*Tensor) Kind() string { return "tensor" }

// At implements [Record].
func (r *Tensor) At() int64 { return r.Step }

func (r *Tensor) columns() []column {
	all := append([]column{equal("step", &r.Step), equal("tensor", &r.Tensor)},
		updateFields{&r.Pruned, &r.ExploredDOF, &r.Turnover, &r.MeanAge, &r.RemovedNewRatio, &r.EmptyRows, &r.EmptyCols}.columns()...)
	return append(all, newbornFields{
		&r.Active, &r.Positions, &r.NewbornShare, &r.RemovedNewDense, &r.StartShare,
		&r.Survival1, &r.Survival2, &r.Survival4, &r.Survival8, &r.NewbornNorm, &r.AblatedRows,
	}.columns()...)
}

// updateFields are the numbers that a Topology and a Tensor record share.
type updateFields struct {
	pruned                  *int64
	explored, turnover, age *float64
	removedNew              **float64
	emptyRows, emptyCols    *int64
}

func (u updateFields) columns() []column {
	return []column{
		equal("pruned", u.pruned),
		equal("explored_dof", u.explored),
		equal("removed_new_ratio", u.removedNew),
		equal("turnover", u.turnover),
		equal("mean_age", u.age),
		equal("empty_rows", u.emptyRows),
		equal("empty_cols", u.emptyCols),
	}
}

// newbornFields are the later numbers that they share.
type newbornFields struct {
	active, positions              *int64
	newborn, dense, start          **float64
	after1, after2, after4, after8 **float64
	norm                           **float64
	ablated                        *int64
}

func (f newbornFields) columns() []column {
	return later(
		equal("active", f.active),
		equal("positions", f.positions),
		equal("newborn_share", f.newborn),
		equal("removed_new_dense", f.dense),
		equal("start_share", f.start),
		equal("survival_1", f.after1),
		equal("survival_2", f.after2),
		equal("survival_4", f.after4),
		equal("survival_8", f.after8),
		equal("newborn_norm", f.norm),
		equal("ablated_rows", f.ablated),
	)
}

// Snapshot shows where the active blocks of one tensor were after a step. Its
// kind in files is "picture", the format's word from the first version on. Cells
// has one byte a cell, row by row: the share of its blocks that is active, 0 to
// 255. A cell is one block, or a square of blocks of a large tensor.
type Snapshot struct {
	Step       int64
	Tensor     string
	Rows, Cols int64
	Cells      []byte // Rows x Cols
}

// Kind implements [Record].
func (*Snapshot) Kind() string { return "picture" }

// At implements [Record].
func (r *Snapshot) At() int64 { return r.Step }

func (r *Snapshot) columns() []column {
	return []column{
		equal("step", &r.Step),
		equal("tensor", &r.Tensor),
		equal("rows", &r.Rows),
		equal("cols", &r.Cols),
		equal("cells", &r.Cells),
	}
}

// Cost is where the time went since the last such record of the same process,
// and what memory was in use. All of it depends on the machine.
type Cost struct {
	Step          int64
	Seconds       float64 // all of the time
	DataSeconds   float64 // waiting for batches
	StepSeconds   float64 // training steps without a topology update
	UpdateSeconds float64 // whole training steps with one
	EvalSeconds   float64
	SaveSeconds   float64 // checkpoints
	HostBytes     int64   // largest resident memory of the process so far; 0: not known
	DeviceBytes   int64   // parameters, moments, activations and what the device adds
	SentBytes     int64   // to the other processes of the run; 0: it has no others
}

// Kind implements [Record].
func (*Cost) Kind() string { return "cost" }

// At implements [Record].
func (r *Cost) At() int64 { return r.Step }

func (r *Cost) columns() []column {
	return append([]column{
		equal("step", &r.Step),
		clocked("seconds", &r.Seconds),
		clocked("data_seconds", &r.DataSeconds),
		clocked("step_seconds", &r.StepSeconds),
		clocked("update_seconds", &r.UpdateSeconds),
		clocked("eval_seconds", &r.EvalSeconds),
		clocked("save_seconds", &r.SaveSeconds),
		clocked("host_bytes", &r.HostBytes),
		clocked("device_bytes", &r.DeviceBytes),
	}, later(clocked("sent_bytes", &r.SentBytes))...)
}
