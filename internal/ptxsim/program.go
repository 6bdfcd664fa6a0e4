package ptxsim

import "strings"

// op is one decoded instruction.
type op struct {
	exec   func(w *warp, m uint32)
	other  func(w *warp, m uint32) // with Options.Perturb; nil: the same
	guard  int                     // predicate, -1 if none
	neg    bool
	class  Class
	line   int
	text   string // mnemonic, for errors
	exited bool   // goes on without the lanes that have exited

	lanes    []lanesOp // of a vector instruction
	straight *straight // that begins here; nil: none

	unwritten *unwrittenUse // nil: it uses no such places

	product  *productRegisters // of a wgmma
	products *productUse       // of another instruction; nil: it touches none
}

// Predicates that every program has.
const (
	predFalse = iota
	predTrue
	firstPred
)

// program is a kernel with all functions that it calls, decoded. Operands that
// are literals, addresses or special registers are registers that are filled
// before the start, so that every source operand is a register.
type program struct {
	kernel, file    string
	code            []op
	costs           []opCost         // of the code, for time
	rules           []*undefinedRule // of the code
	entry           int
	regs, preds     int
	fresh           []int // registers that a block finds zero: what may be read before it is written
	consts          []constant
	unwrittenPlaces []unwrittenPlace // what may be read before it is written
	unwritten       []uint32         // of each of them: all lanes
	scratch         []int            // registers that hold something within an instruction only
	specials        []special
	params          []int // offsets of the kernel's parameters
	paramBytes      int

	sharedVars   []variable // static
	sharedStatic int        // bytes, without gaps
	dynamicAt    int        // address of dynamic shared memory
	localVars    []variable
	localSize    int  // bytes per thread
	ordered      bool // blocks must run one after another
	products     bool // has wgmma
	cooperative  bool // the grid has a workspace
}

// constant fills a register; sym's address on the device is added.
type constant struct {
	reg   int
	value uint64
	sym   *symbol
}

// special fills a register from the thread's coordinates.
type special struct {
	reg     int
	value   func(w *warp, ctaid Dim3, lane int) uint64
	ofBlock bool // the same for all threads of a block, but not of the grid
}

// ofBlock says so of a special register.
func ofBlock(name string) bool {
	return strings.HasPrefix(name, "%ctaid") || strings.HasPrefix(name, "%cluster") || name == "%smid"
}

func dim(d Dim3, axis byte) uint64 {
	switch axis {
	case 'x':
		return uint64(d.X)
	case 'y':
		return uint64(d.Y)
	}
	return uint64(d.Z)
}

// specialRegister returns how to compute a special register; nil if it is unknown.
func specialRegister(name string) func(w *warp, ctaid Dim3, lane int) uint64 {
	if n := len(name); n > 2 && name[n-2] == '.' && name[n-1] >= 'x' && name[n-1] <= 'z' {
		axis := name[n-1]
		switch name[:n-2] {
		case "%tid":
			return func(w *warp, _ Dim3, l int) uint64 { return dim(w.blk.tid(w.id*warpSize+l), axis) }
		case "%ntid":
			return func(w *warp, _ Dim3, _ int) uint64 { return dim(w.blk.launch.block, axis) }
		case "%ctaid":
			return func(_ *warp, c Dim3, _ int) uint64 { return dim(c, axis) }
		case "%nctaid":
			return func(w *warp, _ Dim3, _ int) uint64 { return dim(w.blk.launch.grid, axis) }
		case "%clusterid":
			return func(w *warp, c Dim3, _ int) uint64 { return dim(c, axis) / dim(w.blk.launch.cluster, axis) }
		case "%nclusterid":
			return func(w *warp, _ Dim3, _ int) uint64 { return dim(w.blk.launch.clusters(), axis) }
		case "%cluster_ctaid":
			return func(w *warp, c Dim3, _ int) uint64 { return dim(c, axis) % dim(w.blk.launch.cluster, axis) }
		case "%cluster_nctaid":
			return func(w *warp, _ Dim3, _ int) uint64 { return dim(w.blk.launch.cluster, axis) }
		}
		return nil
	}
	switch name {
	case "%laneid":
		return func(_ *warp, _ Dim3, l int) uint64 { return uint64(l) }
	case "%warpid":
		return func(w *warp, _ Dim3, _ int) uint64 { return uint64(w.id) }
	case "%nwarpid":
		return func(w *warp, _ Dim3, _ int) uint64 { return uint64(len(w.blk.warps)) }
	case "WARP_SZ":
		return func(*warp, Dim3, int) uint64 { return warpSize }
	case "%lanemask_eq":
		return func(_ *warp, _ Dim3, l int) uint64 { return 1 << l }
	case "%lanemask_lt":
		return func(_ *warp, _ Dim3, l int) uint64 { return 1<<l - 1 }
	case "%lanemask_le":
		return func(_ *warp, _ Dim3, l int) uint64 { return 2<<l - 1 }
	case "%lanemask_gt":
		return func(_ *warp, _ Dim3, l int) uint64 { return fullMask &^ (2<<l - 1) }
	case "%lanemask_ge":
		return func(_ *warp, _ Dim3, l int) uint64 { return fullMask &^ (1<<l - 1) }
	case "%envreg1": // %envreg1 and 2 are the address of the grid's workspace
		return func(w *warp, _ Dim3, _ int) uint64 { return uint64(w.blk.launch.workspace) >> 32 }
	case "%envreg2":
		return func(w *warp, _ Dim3, _ int) uint64 { return uint64(w.blk.launch.workspace) & u32.mask() }
	case "%cluster_ctarank":
		return func(w *warp, _ Dim3, _ int) uint64 { return uint64(w.blk.rank) }
	case "%cluster_nctarank":
		return func(w *warp, _ Dim3, _ int) uint64 { return uint64(w.blk.launch.cluster.count()) }
	case "%smid":
		return func(w *warp, _ Dim3, _ int) uint64 { return uint64(w.blk.index % processors) }
	case "%nsmid":
		return func(*warp, Dim3, int) uint64 { return processors }
	case "%gridid":
		return func(*warp, Dim3, int) uint64 { return 0 }
	case "%dynamic_smem_size":
		return func(w *warp, _ Dim3, _ int) uint64 { return uint64(w.blk.launch.dynamic) }
	}
	return nil
}

// special returns the register of a special register; -1 if it is unknown.
func (d *decoder) special(name string) int {
	r, ok := d.specs[name]
	if !ok {
		f := specialRegister(name)
		if f == nil {
			return -1
		}
		r = d.newReg()
		d.prog.cooperative = d.prog.cooperative || name == "%envreg1" || name == "%envreg2"
		d.specs[name] = r
		d.prog.specials = append(d.prog.specials, special{r, f, ofBlock(name)})
	}
	return r
}

// workspaceBytes is the size of the memory through which cooperative groups synchronize a grid.
const workspaceBytes = 64

// processors is how many multiprocessors the device says it has.
const processors = 132

func alignUp(n, a int) int { return (n + a - 1) &^ (a - 1) }
