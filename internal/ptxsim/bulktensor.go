package ptxsim

import "math/bits"

// Copies of a box of a tensor between global and shared memory.

// buildTensor: cp.async.bulk.tensor.{1..5}d of .tile mode, to shared memory of the block or, with
// .multicast::cluster, of several blocks of the cluster, or to global memory. They are complete when they are
// issued, as all bulk copies.
func (x *building) buildTensor() exec {
	rank := map[string]int{"1d": 1, "2d": 2, "3d": 3, "4d": 4, "5d": 5}[x.need("1d", "2d", "3d", "4d", "5d")]
	to := x.need("shared::cluster", "shared::cta", "global")
	x.has("tile")
	if to == "global" {
		return x.tensorStore(rank)
	}
	x.need("global")
	x.need("mbarrier::complete_tx::bytes")
	many := to == "shared::cluster" && x.has("multicast::cluster")
	if x.has("L2::cache_hint") {
		x.in.args = x.policy(len(x.in.args) - 1)
	}
	x.nargs(3+toInt(many), 3+toInt(many))
	dst, bar, from := x.place(0, spaces[to]), x.place(2, spaces[to]), x.tensor(1, rank)
	ranks := 0
	if many {
		ranks = x.src(3, types["b16"])
	}
	return func(w *warp, m uint32) {
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			t, at, ok := w.tensor(l, from)
			if !ok {
				return
			}
			box, states := w.readTensor(l, t, at)
			if box == nil {
				return
			}
			put := func(sp space, dst, bar uint64) bool {
				return w.writeBox(l, t, box, states, sp, dst) && w.completed(l, sp, bar, dst, len(box))
			}
			a, done := w.r[dst.base][l]+dst.off, w.r[bar.base][l]+bar.off
			if !many && !put(dst.space, a, done) || many && !w.eachRank(l, w.r[ranks][l], func(at func(uint64) uint64) bool {
				return put(spaceCluster, at(a), at(done))
			}) {
				return
			}
		}
	}
}

// tensorStore: [map, coordinates], [source].
func (x *building) tensorStore(rank int) exec {
	x.need("shared::cta")
	x.need("bulk_group")
	if x.has("L2::cache_hint") {
		x.in.args = x.policy(2)
	}
	x.nargs(2, 2)
	to, src := x.tensor(0, rank), x.place(1, spaceShared)
	return func(w *warp, m uint32) {
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			t, at, ok := w.tensor(l, to)
			if !ok || !w.writeTensor(l, t, at, w.r[src.base][l]+src.off) {
				return
			}
		}
	}
}

// tensorPlace is an operand [map, {coordinates}].
type tensorPlace struct {
	place
	at []int
}

func (x *building) tensor(i, rank int) tensorPlace {
	o := x.in.args[i]
	if o.kind != opAddress || len(o.sub) != 1 || o.sub[0].kind != opVector || len(o.sub[0].sub) != rank {
		x.bad("operand %d is not a tensor map with %d coordinates", i+1, rank)
	}
	var at []int
	for _, c := range o.sub[0].sub {
		at = append(at, x.srcOperand(c, types["s32"], false))
	}
	o.sub = nil
	return tensorPlace{x.placeOf(o, i, spaceGeneric), at}
}

// tensor reads the tensor map and the coordinates of a lane.
func (w *warp) tensor(lane int, p tensorPlace) (t *TensorMap, at []int64, ok bool) {
	addr := w.r[p.base][lane] + p.off
	if addr%64 != 0 {
		w.fail(lane, ErrMisaligned, "a tensor map at %#x, expected a multiple of 64", addr)
		return nil, nil, false
	}
	var raw [TensorMapBytes]byte
	for i := uint64(0); i < TensorMapBytes; i += 16 {
		data, _, in := w.access(lane, spaceGeneric, addr+i, 16, plainRead)
		if data == nil {
			return nil, nil, false
		}
		if in != spaceParam && in != spaceGlobal && in != spaceConst {
			w.fail(lane, ErrOutOfBounds, "a tensor map in %v memory, expected parameters of the kernel (__grid_constant__), constant or global memory", in)
			return nil, nil, false
		}
		copy(raw[i:], data)
	}
	m, bad := decodeTensorMap(raw[:])
	if bad == "" && len(m.Dims) != len(p.at) {
		w.fail(lane, ErrOutOfBounds, "%d coordinates for a tensor map of %d dimensions", len(p.at), len(m.Dims))
		return nil, nil, false
	}
	if bad != "" {
		w.fail(lane, ErrOutOfBounds, "the tensor map at %#x: %s", addr, bad)
		return nil, nil, false
	}
	for _, r := range p.at {
		at = append(at, sext(w.r[r][lane], 32))
	}
	return &m, at, true
}

// readTensor returns the elements of a box and the states of their bytes, without gaps and not swizzled; nil after a fault.
func (w *warp) readTensor(lane int, t *TensorMap, at []int64) (box, states []byte) {
	e := tensorTypes[t.Type]
	box, states = make([]byte, t.bytes()), make([]byte, t.bytes())
	fill(states, stateWritten)
	if t.FillNaN {
		for i := 0; i < len(box); i += e.size {
			store(box[i:], e.size, e.nan)
		}
	}
	row := t.Box[0] * e.size
	for i, r := range t.rows(at) {
		n := (r.hi - r.lo) * e.size
		if n == 0 {
			continue
		}
		data, state, bad := w.global(lane, r.addr, n, plainRead, nil)
		if bad != nil {
			w.fail(lane, bad.kind, "%s", bad.detail)
			return nil, nil
		}
		copy(box[i*row+r.lo*e.size:], data)
		copy(states[i*row+r.lo*e.size:], state)
		w.touch(r.addr, n, false)
		w.count.GlobalLoadBytes += int64(n)
		w.count.GlobalLoadSectors += int64((r.addr+uint64(n)-1)>>5 - r.addr>>5 + 1)
	}
	return box, states
}

// writeBox writes a box to shared memory, swizzled.
func (w *warp) writeBox(lane int, t *TensorMap, box, states []byte, sp space, dst uint64) bool {
	if dst%128 != 0 {
		w.fail(lane, ErrMisaligned, "a box at shared address %#x, expected a multiple of 128", dst)
		return false
	}
	for i := 0; i < len(box); i += 16 {
		addr := t.Swizzle.swizzled(dst + uint64(i))
		data, state, _ := w.accessValue(lane, sp, addr, 16, plainWrite, box[i:i+16])
		if data == nil {
			return false
		}
		copy(data, box[i:])
		w.copyStates(lane, state, states[i:i+16], false, origin{}, addr)
	}
	return true
}

// writeTensor writes those elements of a box in shared memory that are inside the tensor to it.
func (w *warp) writeTensor(lane int, t *TensorMap, at []int64, src uint64) bool {
	if src%128 != 0 {
		w.fail(lane, ErrMisaligned, "a box at shared address %#x, expected a multiple of 128", src)
		return false
	}
	size := tensorTypes[t.Type].size
	row := t.Box[0] * size
	buf, states := make([]byte, row), make([]byte, row)
	for i, r := range t.rows(at) {
		lo, hi := r.lo*size, r.hi*size
		for k := lo &^ 15; k < hi; k += 16 {
			addr := t.Swizzle.swizzled(src + uint64(i*row+k))
			data, state, _ := w.reach(lane, spaceShared, addr, 16)
			if data == nil {
				return false
			}
			for word := uint64(0); word < 16; word += 4 {
				if !w.readsAsync(lane, addr+word) {
					return false
				}
			}
			w.stores.reading(w, lane, addr)
			copy(buf[k:], data)
			copy(states[k:], state)
		}
		if lo == hi {
			continue
		}
		data, state, bad := w.global(lane, r.addr, hi-lo, plainWrite, buf[lo:hi])
		if bad != nil {
			w.fail(lane, bad.kind, "%s", bad.detail)
			return false
		}
		copy(data, buf[lo:hi])
		came := origin{pc: w.pc - 1, space: spaceShared, addr: t.Swizzle.swizzled(src + uint64(i*row+lo))}
		w.copyStates(lane, state, states[lo:hi], true, came, r.addr)
		n := hi - lo
		w.touch(r.addr, n, true)
		w.count.GlobalStoreBytes += int64(n)
		w.count.GlobalStoreSectors += int64((r.addr+uint64(n)-1)>>5 - r.addr>>5 + 1)
	}
	return true
}
