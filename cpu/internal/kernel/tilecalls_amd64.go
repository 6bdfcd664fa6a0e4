//go:build !noasm

package kernel

import (
	"runtime"
	"unsafe"
)

// tileRun is what a tile's assembly gets, and its state from micro-panel to micro-panel:
// pointers as numbers, since they may end up behind their arrays, and strides in bytes.
type tileRun struct {
	c, ldc, a, b, ldb           uintptr
	segs, ptr, per              uintptr
	subs, panels                int
	start, startStep            uintptr
	copyFrom, copyEnd, copyTo   uintptr // the next panel
	copyLeft, copyRow, copyWrap uintptr // micro-panels left of a row, and of a row; bytes back to the next row
	add, nonTemporal, subLeft   uint64
	lastSeg                     uintptr // of the weight
	//lint:ignore U1000 the assembly writes and reads it
	firstSeg                 uintptr // of the micro-panel
	prefetch, prefetchStride uintptr // stride 0: nothing
	other, scratch           uintptr
}

func address(x []float32) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(x))) }

// tileCall makes a Tile of the assembly.
func tileCall(f func(*tileRun)) Tile {
	tile := finishedCall(f)
	return func(p *Product) { tile(p) }
}

// evenPanels restricts a tile to pairs of micro-panels and to whole cache lines.
func evenPanels(f FinishedTile) FinishedTile {
	return func(p *Product) bool {
		if p.Panels%2 != 0 || p.Panels > 0 && (address(p.C)%64 != 0 || address(p.X)%64 != 0 || p.LDC%PanelWidth != 0) {
			return false
		}
		return f(p)
	}
}

// finishedCall makes a FinishedTile of the assembly.
func finishedCall(f func(*tileRun)) FinishedTile {
	return func(p *Product) bool {
		if p.Panels <= 0 {
			return true
		}
		r := newTileRun(p)
		o := p.Overlap
		copies := o != nil && len(o.Src) > 0 && o.Cols%(2*PanelWidth) == 0
		if copies {
			r.copyNext(o)
		}
		f(&r)
		if copies {
			o.Done = int(r.copyFrom-address(o.Src)) / 4
		}
		// Numbers keep no memory from being collected: the caller may hold no pointer to it.
		runtime.KeepAlive(unsafe.SliceData(p.C))
		runtime.KeepAlive(unsafe.SliceData(p.A))
		runtime.KeepAlive(unsafe.SliceData(p.Start))
		runtime.KeepAlive(unsafe.SliceData(p.X))
		runtime.KeepAlive(unsafe.SliceData(p.Scratch))
		runtime.KeepAlive(p.B)
		runtime.KeepAlive(o)
		return true
	}
}

func newTileRun(p *Product) tileRun {
	b := p.B
	r := tileRun{
		c: address(p.C), ldc: 4 * uintptr(p.LDC), a: address(p.A),
		b: address(b.Values) + uintptr(4*PanelWidth*(p.First%b.Subs)), ldb: 4 * uintptr(b.LDB),
		segs: uintptr(unsafe.Pointer(unsafe.SliceData(b.Segs))), ptr: uintptr(unsafe.Pointer(&b.Ptr[p.First/b.Subs])), per: uintptr(b.Per),
		subs: b.Subs, panels: p.Panels, subLeft: uint64(b.Subs - p.First%b.Subs),
		start: address(p.Start), startStep: 4 * uintptr(p.StartStep), other: address(p.X), scratch: address(p.Scratch),
	}
	if n := len(b.Segs); n > 0 {
		r.lastSeg = r.segs + uintptr(n-1)*unsafe.Sizeof(Seg{})
	}
	if p.Mode == AddTo {
		r.add = 1
	}
	if p.Mode == NonTemporal && r.c%64 == 0 && r.ldc%64 == 0 {
		r.nonTemporal = 1
	}
	if o := p.Overlap; o != nil && len(o.Prefetch) > 0 {
		r.prefetch, r.prefetchStride = address(o.Prefetch), 4*uintptr(o.PrefetchStride)
	}
	return r
}

// copyNext sets up the copying of the next panel, of which o.Done elements are done.
func (r *tileRun) copyNext(o *Overlap) {
	row, at := o.Done/o.Cols, o.Done%o.Cols
	from := address(o.Src)
	r.copyFrom, r.copyEnd = from+4*uintptr(o.Done), from+4*uintptr(len(o.Src))
	r.copyTo = address(o.Dst) + 4*uintptr(at*TileRows+row*PanelWidth)
	r.copyRow = uintptr(o.Cols / PanelWidth)
	r.copyLeft = r.copyRow - uintptr(at/PanelWidth)
	r.copyWrap = r.copyRow*4*PanelWidth*TileRows - 4*PanelWidth
}
