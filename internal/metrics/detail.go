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
}

// Kind implements [Record].
func (*Tensor) Kind() string { return "tensor" }

// At implements [Record].
func (r *Tensor) At() int64 { return r.Step }

func (r *Tensor) columns() []column {
	return append([]column{{"step", &r.Step, false}, {"tensor", &r.Tensor, false}},
		updateFields{&r.Pruned, &r.ExploredDOF, &r.Turnover, &r.MeanAge, &r.RemovedNewRatio, &r.EmptyRows, &r.EmptyCols}.columns()...)
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
		{"pruned", u.pruned, false},
		{"explored_dof", u.explored, false},
		{"removed_new_ratio", u.removedNew, false},
		{"turnover", u.turnover, false},
		{"mean_age", u.age, false},
		{"empty_rows", u.emptyRows, false},
		{"empty_cols", u.emptyCols, false},
	}
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
		{"step", &r.Step, false},
		{"tensor", &r.Tensor, false},
		{"rows", &r.Rows, false},
		{"cols", &r.Cols, false},
		{"cells", &r.Cells, false},
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
}

// Kind implements [Record].
func (*Cost) Kind() string { return "cost" }

// At implements [Record].
func (r *Cost) At() int64 { return r.Step }

func (r *Cost) columns() []column {
	return []column{
		{"step", &r.Step, false},
		{"seconds", &r.Seconds, true},
		{"data_seconds", &r.DataSeconds, true},
		{"step_seconds", &r.StepSeconds, true},
		{"update_seconds", &r.UpdateSeconds, true},
		{"eval_seconds", &r.EvalSeconds, true},
		{"save_seconds", &r.SaveSeconds, true},
		{"host_bytes", &r.HostBytes, true},
		{"device_bytes", &r.DeviceBytes, true},
	}
}
