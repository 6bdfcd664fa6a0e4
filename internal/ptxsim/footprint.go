package ptxsim

import (
	"fmt"
	"slices"
)

// Footprint is which bytes of global memory some work read and wrote, so that work that
// nothing orders can be compared.
type Footprint struct {
	pages map[uint64]*footprintPage // by address / traceBytes
}

// footprintPage has a bit for each byte.
type footprintPage struct{ read, written [traceBytes / 64]uint64 }

func (f *Footprint) page(at uint64) *footprintPage {
	if f.pages == nil {
		f.pages = map[uint64]*footprintPage{}
	}
	p := f.pages[at/traceBytes]
	if p == nil {
		p = new(footprintPage)
		f.pages[at/traceBytes] = p
	}
	return p
}

// Add enters n bytes from p on, as written or as read.
func (f *Footprint) Add(p Ptr, n int64, written bool) {
	for at := uint64(p); at < uint64(p)+uint64(n); at++ {
		page, bit := f.page(at), at%traceBytes
		if written {
			page.written[bit/64] |= 1 << (bit % 64)
		} else {
			page.read[bit/64] |= 1 << (bit % 64)
		}
	}
}

// enter adds what the traces say of a launch. A write hides a read of the same byte, which
// changes nothing: a write conflicts with both.
func (f *Footprint) enter(traces map[uint64]*[traceBytes]trace) {
	for at, from := range traces {
		page := f.page(at * traceBytes)
		for i := range from {
			if from[i].writeBlock != 0 {
				page.written[i/64] |= 1 << (i % 64)
			} else if from[i].readBlock != 0 {
				page.read[i/64] |= 1 << (i % 64)
			}
		}
	}
}

// conflict returns the first byte that both touch and one of them writes.
func (f *Footprint) conflict(o *Footprint) (at uint64, found bool) {
	var shared []uint64
	for n := range f.pages {
		if o.pages[n] != nil {
			shared = append(shared, n)
		}
	}
	slices.Sort(shared)
	for _, n := range shared {
		a, b := f.pages[n], o.pages[n]
		for i := range a.read {
			if both := a.written[i]&(b.read[i]|b.written[i]) | a.read[i]&b.written[i]; both != 0 {
				for bit := range uint64(64) {
					if both>>bit&1 != 0 {
						return n*traceBytes + uint64(i)*64 + bit, true
					}
				}
			}
		}
	}
	return 0, false
}

// Footprint returns that of the latest launch, of which every access but volatile and atomic
// reads is known; nil without Options.BlockRaces.
func (d *Device) Footprint() *Footprint {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.footprint
}

// Conflict returns an error that wraps ErrRace where two pieces of work, named a and b, touch
// the same byte and one of them writes it.
func (d *Device) Conflict(a string, f *Footprint, b string, o *Footprint) error {
	at, found := f.conflict(o)
	if !found {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	where := fmt.Sprintf("address %#x", at)
	if m, off := d.find(at); m != nil {
		where = fmt.Sprintf("%s+%d", m.label, off)
	}
	return fmt.Errorf("%w: global memory at %s, which both %s and %s touch and one of them writes, with nothing that orders them", ErrRace, where, a, b)
}
