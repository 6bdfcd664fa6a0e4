package ptxsim

import "fmt"

// blockRaces finds races in global memory, between the threads of a block and between the
// blocks of a launch: two threads touch a byte, one of them writes something else than is
// there, they are not both strong, and nothing orders them (order.go, acquire.go). All runs
// on one goroutine.
type blockRaces struct {
	traces map[uint64]*[traceBytes]trace // by address / traceBytes
	before Footprint                     // what traces held before they were forgotten
}

const traceBytes = 1 << 10

// trace is who touched a byte last. The entries are those of the block's shadow.
type trace struct {
	write, read           uint32
	writeBlock, readBlock int32 // linear block + 1, 0 for none, manyBlocks for several readers
	swapped               bool  // compare and swap wrote it: a plain read before one is how such loops begin
}

const manyBlocks = -1

func newBlockRaces() *blockRaces {
	return &blockRaces{traces: map[uint64]*[traceBytes]trace{}}
}

// forget is for when a block's time begins anew.
func (r *blockRaces) forget() {
	r.before.enter(r.traces)
	clear(r.traces)
}

// follows says whether all that entry e of a block stands for comes before the next access of w's lane.
func (w *warp) follows(block int32, e uint32, lane int) bool {
	switch {
	case block == 0:
		return true
	case block == manyBlocks:
		return len(w.past) > 0 // those that it knows of may be the ones
	case int(block) == w.blk.index+1:
		return w.before(e, lane)
	}
	t := w.past[int(block)-1]
	if t == nil {
		return false
	}
	if e&kindMask != byBlock {
		return t[e>>entryWarp&31] >= entryTime(e)
	}
	return allKnown(e, t, -1)
}

// check records an access of the bytes data of slot memory at addr, a write of value if that is not nil.
func (r *blockRaces) check(w *warp, lane int, addr uint64, data []byte, k accessKind, value []byte) *violation {
	var page *[traceBytes]trace
	var last judgment
	for i := range data {
		at := addr + uint64(i)
		if page == nil || at%traceBytes == 0 {
			if page = r.traces[at/traceBytes]; page == nil {
				page = new([traceBytes]trace)
				r.traces[at/traceBytes] = page
			}
		}
		t := &page[at%traceBytes]
		if block, e, what := w.judgeNext(&last, t, lane, k, k.write() && value != nil && value[i] == data[i]); what != "" {
			return w.raceWith(at, block, e, what)
		}
	}
	return nil
}

// judge enters an access of a byte, which is of the same value if it writes what is there already. what is not
// empty where it races with what entry e of a block stands for.
func (w *warp) judge(t *trace, lane int, k accessKind, same bool) (block int32, e uint32, what string) {
	switch {
	case w.constant && t.writeBlock != 0:
		return t.writeBlock, t.write &^ kindMask, "wrote"
	case t.writeBlock != 0 && !(k.strong() && t.write&strongly != 0) && !(t.swapped && !k.write()) && !w.follows(t.writeBlock, t.write&^kindMask, lane):
		if same {
			return 0, 0, ""
		}
		return t.writeBlock, t.write &^ kindMask, "wrote"
	case k.write() && !w.swaps && !w.follows(t.readBlock, t.read, lane):
		return t.readBlock, t.read, "read"
	}
	w.trace(t, lane, k)
	return 0, 0, ""
}

// judgment is what judge has made of the last byte of an access. The next one mostly has the same trace.
type judgment struct {
	made, same    bool
	before, after trace
}

// judgeNext is judge for the next byte of an access.
func (w *warp) judgeNext(last *judgment, t *trace, lane int, k accessKind, same bool) (block int32, e uint32, what string) {
	if last.made && last.same == same && last.before == *t {
		*t = last.after
		return 0, 0, ""
	}
	before := *t
	if block, e, what = w.judge(t, lane, k, same); what == "" {
		*last = judgment{true, same, before, *t}
	}
	return block, e, what
}

// trace enters an access that races with nothing.
func (w *warp) trace(t *trace, lane int, k accessKind) {
	me, block := w.order.now<<entryStamp|uint32(w.id<<entryWarp|lane), int32(w.blk.index+1)
	switch {
	case k.write():
		t.write, t.writeBlock, t.swapped = me, block, w.swaps
		if k.strong() {
			t.write |= strongly
		}
	case k.strong():
	case t.readBlock == block:
		w.record(nil, &t.read, lane, plainRead)
	case w.follows(t.readBlock, t.read, lane):
		t.read, t.readBlock = me, block
	default:
		t.readBlock = manyBlocks
	}
}

func (w *warp) raceWith(addr uint64, block int32, e uint32, what string) *violation {
	a, off := w.blk.launch.dev.find(addr)
	if w.constant {
		return &violation{ErrRace, fmt.Sprintf("ld.global.nc of global memory at %s+%d, which %s %s in this launch: caches may hold what was there before", a.label, off, w.who(block, e), what)}
	}
	return &violation{ErrRace, fmt.Sprintf("global memory at %s+%d, which %s %s, with nothing that orders them", a.label, off, w.who(block, e), what)}
}

// who names those that entry e of a block stands for.
func (w *warp) who(block int32, e uint32) string {
	switch {
	case block == manyBlocks:
		return "several blocks of this launch"
	case int(block) != w.blk.index+1:
		return fmt.Sprintf("block %d of this launch", block-1)
	case e&kindMask == byBlock:
		return "several threads of the block"
	case e&kindMask == byWarp:
		return fmt.Sprintf("several threads of warp %d", e&entryThread>>entryWarp)
	}
	return fmt.Sprintf("thread %d", e&entryThread)
}

// global returns n bytes of global or constant memory after all checks of one lane's access, for a
// write of value if that is not nil.
func (w *warp) global(lane int, addr uint64, n int, k accessKind, value []byte) (data, state []byte, bad *violation) {
	st := w.blk.launch
	data, state, bad = st.dev.check(addr, n, k.write())
	if bad == nil && k.write() && w.blk.sources.pending > 0 {
		bad = w.blk.copied(addr, data, value)
	}
	// What a race leads to may say more: it is reported when the block has ended without another fault.
	if b := w.blk; bad == nil && st.races != nil && b.race == nil {
		if race := st.races.check(w, lane, addr, data, k, value); race != nil {
			b.race = w.newFault(w.pc-1, lane, race.kind, race.detail)
		}
	}
	return data, state, bad
}
