package ptxsim

import "math/bits"

// mapField is a field of a tensor map for tensormap.replace: where it is, how wide, and how many there are.
type mapField struct{ at, size, count int }

var mapFields = map[string]mapField{
	"global_address": {mapAddress, 8, 0}, "rank": {mapRank, 1, 0}, "elemtype": {mapType, 1, 0}, "interleave_layout": {mapInterleave, 1, 0},
	"swizzle_mode": {mapSwizzle, 1, 0}, "fill_mode": {mapFill, 1, 0},
	"box_dim": {mapBox, 2, maxTensorRank}, "global_dim": {mapDims, 4, maxTensorRank},
	"global_stride": {mapStrides, 8, maxTensorRank - 1}, "element_stride": {mapElementStrides, 1, maxTensorRank},
}

// buildTensormap: tensormap.replace and tensormap.cp_fenceproxy.
func buildTensormap(x *building) exec {
	x.class = Async
	if x.need("replace", "cp_fenceproxy") == "cp_fenceproxy" {
		return x.tensormapCopy()
	}
	x.need("tile")
	f := mapFields[x.need("global_address", "rank", "elemtype", "interleave_layout", "swizzle_mode", "fill_mode", "box_dim", "global_dim", "global_stride", "element_stride")]
	sp := spaces[x.opt("global", "shared::cta")]
	t := x.typ(func(t typ) bool { return t == b32 && f.size < 8 || t == b64 && f.size == 8 })
	x.need("b1024")
	value := x.nargs(2+toInt(f.count > 0), 2+toInt(f.count > 0)) - 1
	at, v := x.place(0, sp), x.src(value, t)
	if value == 2 {
		o := x.in.args[1]
		if o.kind != opInt || o.imm >= uint64(f.count) {
			x.bad("the dimension is not a literal from 0 to %d", f.count-1)
		}
		f.at += int(o.imm) * f.size
	}
	return func(w *warp, m uint32) {
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			v := w.r[v][l]
			if v>>(8*f.size-1)>>1 != 0 {
				w.fail(l, ErrOutOfBounds, "%d does not fit this field of a tensor map", v)
				return
			}
			var value [8]byte
			store(value[:], f.size, v)
			addr := w.r[at.base][l] + at.off
			if addr%64 != 0 {
				w.fail(l, ErrMisaligned, "a tensor map at %#x, expected a multiple of 64", addr)
				return
			}
			data, state, _ := w.accessValue(l, at.space, addr+uint64(f.at), f.size, plainWrite, value[:f.size])
			if data == nil {
				return
			}
			copy(data, value[:f.size])
			markWritten(state)
		}
	}
}

// tensormapCopy: tensormap.cp_fenceproxy copies a tensor map from shared to global memory, once for the warp.
func (x *building) tensormapCopy() exec {
	x.need("global")
	x.need("shared::cta")
	x.need("tensormap::generic")
	x.need("release")
	x.need("cta", "cluster", "gpu", "sys")
	x.need("sync")
	x.need("aligned")
	x.nargs(3, 3)
	if o := x.in.args[2]; o.kind != opInt || o.imm != TensorMapBytes {
		x.bad("the size is not %d", TensorMapBytes)
	}
	dst, src := x.place(0, spaceGlobal), x.place(1, spaceShared)
	return func(w *warp, m uint32) {
		l := bits.TrailingZeros32(m)
		if m != w.live {
			w.fail(l, ErrDivergent, "lanes %#x execute tensormap.cp_fenceproxy, expected all that have not exited, %#x", m, w.live)
			return
		}
		to, from := w.r[dst.base][l]+dst.off, w.r[src.base][l]+src.off
		if to%128 != 0 || from%128 != 0 {
			w.fail(l, ErrMisaligned, "a tensor map is copied from %#x to %#x, expected multiples of 128", from, to)
			return
		}
		for i := uint64(0); i < TensorMapBytes; i += 16 {
			data, _, _ := w.access(l, spaceShared, from+i, 16, plainRead)
			if data == nil {
				return
			}
			out, state, _ := w.accessValue(l, spaceGlobal, to+i, 16, plainWrite, data)
			if out == nil {
				return
			}
			copy(out, data)
			markWritten(state)
		}
	}
}

// fenceTensormap: fence.proxy.tensormap::generic.release.scope or .acquire.scope [a], 128. Tensor maps are read
// anew by each copy here; that the fence is missing is not found.
func (x *building) fenceTensormap() exec {
	n := 0
	if x.need("release", "acquire") == "acquire" {
		n = 2
	}
	x.need("cta", "cluster", "gpu", "sys")
	x.nargs(n, n)
	if n == 2 {
		x.place(0, spaceGeneric)
		if o := x.in.args[1]; o.kind != opInt || o.imm != TensorMapBytes {
			x.bad("the size is not %d", TensorMapBytes)
		}
	}
	return func(*warp, uint32) {}
}
