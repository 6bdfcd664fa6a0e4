package backendtest

import (
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/reference"
)

// fault is a backend that is right but for one thing, and the group of checks
// that must notice.
type fault struct {
	op, name string
	wrap     func(b backend.Backend) backend.Backend
}

func faults() []fault {
	return slices.Concat(productFaults(), sharedFaults(), rowsFaults(), layerFaults(), rowFaults(), attentionFaults(), optimizerFaults(), restrictFaults(), shardFaults(), packFaults(), topologyFaults(), generalFaults())
}

// notice returns what the suite says to the fault, nil when nothing.
func (f fault) notice(t *testing.T, open func() backend.Backend) error {
	t.Helper()
	i := slices.IndexFunc(groups(), func(g group) bool { return g.op == f.op })
	if i < 0 {
		t.Fatalf("no group of checks is called %s", f.op)
	}
	dev := &lazy{open: func() backend.Backend { return f.wrap(open()) }}
	other := &lazy{open: func() backend.Backend { return f.wrap(open()) }}
	for _, c := range groups()[i].checks {
		if err := c.run(dev, other); err != nil {
			t.Logf("noticed by %s: %v", c.name, err)
			return err
		}
	}
	return nil
}

// TestSuiteNoticesFaults plants one fault at a time. The suite must fail each.
func TestSuiteNoticesFaults(t *testing.T) {
	covered := map[string]bool{}
	for _, f := range faults() {
		covered[f.op] = true
		t.Run(f.op+"/"+f.name, func(t *testing.T) {
			if f.notice(t, func() backend.Backend { return reference.New() }) == nil {
				t.Error("the suite passed a faulty backend")
			}
		})
	}
	for _, g := range groups() {
		if !covered[g.op] {
			t.Errorf("no fault is planted for %s", g.op)
		}
	}
}

// TestSuiteNoticesFaultsInBFloat16 does the same with the wider bounds of
// bfloat16, under which only faults as small as a rounding may hide.
func TestSuiteNoticesFaultsInBFloat16(t *testing.T) {
	small := []string{
		"DSD/weights in bfloat16", // the column allows working copies
		"DSD/bits differ from run to run",
		"AddNorm/epsilon of 1e-5",
		"AddNorm/variance in one pass",
	}
	for _, f := range faults() {
		if slices.Contains(small, f.op+"/"+f.name) {
			continue
		}
		t.Run(f.op+"/"+f.name, func(t *testing.T) {
			if f.notice(t, openBF16) == nil {
				t.Error("the suite passed a faulty backend")
			}
		})
	}
}

// edit changes the elements of a buffer in place.
func edit(b backend.Backend, x backend.Buffer, f func(v []float32)) {
	v := make([]float32, x.Len())
	if b.ReadFloats(v, x, 0) == nil {
		f(v)
		b.WriteFloats(x, 0, v)
	}
}

func floats(b backend.Backend, x backend.Buffer) []float32 {
	v := make([]float32, x.Len())
	_ = b.ReadFloats(v, x, 0) // an error sticks, and Sync tells
	return v
}

// A type for each operation that a fault replaces.
type (
	dsdFault struct {
		backend.Backend
		f func(b backend.Backend, y, pre, x backend.Buffer, w, bias backend.Param, t int)
	}
	ddsFault struct {
		backend.Backend
		f func(b backend.Backend, dx, dy backend.Buffer, w backend.Param, t int, mode backend.DDSMode, pre backend.Buffer)
	}
	sddFault struct {
		backend.Backend
		f func(b backend.Backend, w, bias backend.Param, dy, x backend.Buffer, t int)
	}
)

func (f dsdFault) DSD(y, pre, x backend.Buffer, w, bias backend.Param, t int) {
	f.f(f.Backend, y, pre, x, w, bias, t)
}

func (f ddsFault) DDS(dx, dy backend.Buffer, w backend.Param, t int, mode backend.DDSMode, pre backend.Buffer) {
	f.f(f.Backend, dx, dy, w, t, mode, pre)
}

func (f sddFault) SDD(w, bias backend.Param, dy, x backend.Buffer, t int) {
	f.f(f.Backend, w, bias, dy, x, t)
}

func productFaults() []fault {
	dsd := func(name string, f func(b backend.Backend, y, pre, x backend.Buffer, w, bias backend.Param, t int)) fault {
		return fault{"DSD", name, func(b backend.Backend) backend.Backend { return dsdFault{b, f} }}
	}
	dds := func(name string, f func(b backend.Backend, dx, dy backend.Buffer, w backend.Param, t int, mode backend.DDSMode, pre backend.Buffer)) fault {
		return fault{"DDS", name, func(b backend.Backend) backend.Backend { return ddsFault{b, f} }}
	}
	sdd := func(name string, f func(b backend.Backend, w, bias backend.Param, dy, x backend.Buffer, t int)) fault {
		return fault{"SDD", name, func(b backend.Backend) backend.Backend { return sddFault{b, f} }}
	}
	// then edits y after the right product.
	then := func(name string, change func(v []float32, width, t int)) fault {
		return dsd(name, func(b backend.Backend, y, pre, x backend.Buffer, w, bias backend.Param, t int) {
			b.DSD(y, pre, x, w, bias, t)
			edit(b, y, func(v []float32) { change(v, w.Spec().Out, t) })
		})
	}
	return []fault{
		dsd("no bias", func(b backend.Backend, y, pre, x backend.Buffer, w, _ backend.Param, t int) {
			b.DSD(y, pre, x, w, nil, t)
		}),
		dsd("drops the last token", func(b backend.Backend, y, pre, x backend.Buffer, w, bias backend.Param, t int) {
			b.DSD(y, pre, x, w, bias, t-1)
		}),
		dsd("leaves pre out", func(b backend.Backend, y, pre, x backend.Buffer, w, bias backend.Param, t int) {
			if pre != nil {
				pre = b.Alloc("elsewhere", b.Activation(), pre.Len())
			}
			b.DSD(y, pre, x, w, bias, t)
		}),
		dsd("leaves the GELU out", func(b backend.Backend, y, pre, x backend.Buffer, w, bias backend.Param, t int) {
			b.DSD(y, nil, x, w, bias, t)
			if pre != nil {
				b.DSD(pre, nil, x, w, bias, t)
			}
		}),
		dsd("accumulates", func(b backend.Backend, y, pre, x backend.Buffer, w, bias backend.Param, t int) {
			old := floats(b, y)
			b.DSD(y, pre, x, w, bias, t)
			edit(b, y, func(v []float32) {
				for i := range t * w.Spec().Out {
					v[i] += old[i]
				}
			})
		}),
		dsd("zeroes its input", func(b backend.Backend, y, pre, x backend.Buffer, w, bias backend.Param, t int) {
			b.DSD(y, pre, x, w, bias, t)
			edit(b, x, func(v []float32) { v[0] = 0 })
		}),
		dsd("leaves a weight changed", func(b backend.Backend, y, pre, x backend.Buffer, w, bias backend.Param, t int) {
			b.DSD(y, pre, x, w, bias, t)
			edit(b, w.Values(), func(v []float32) { v[len(v)-1] *= 1 + 1.0/(1<<20) })
		}),
		dsd("weights in bfloat16", func(b backend.Backend, y, pre, x backend.Buffer, w, bias backend.Param, t int) {
			exact := floats(b, w.Values())
			edit(b, w.Values(), func(v []float32) {
				for i := range v {
					v[i] = roundBF16(v[i])
				}
			})
			b.DSD(y, pre, x, w, bias, t)
			b.WriteFloats(w.Values(), 0, exact)
		}),
		dsd("blocks transposed", func(b backend.Backend, y, pre, x backend.Buffer, w, bias backend.Param, t int) {
			exact := floats(b, w.Values())
			if top, err := b.Topology(w); err == nil && top != nil {
				edit(b, w.Values(), func(v []float32) {
					for k := range v {
						slot, i, j := k/top.BlockSize(), k%top.BlockSize()/top.Block, k%top.Block
						v[k] = exact[slot*top.BlockSize()+j*top.Block+i]
					}
				})
			}
			b.DSD(y, pre, x, w, bias, t)
			b.WriteFloats(w.Values(), 0, exact)
		}),
		then("rows off by one", func(v []float32, width, t int) { copy(v[width:t*width], v[:(t-1)*width]) }),
		then("one guard word", func(v []float32, width, t int) { v[t*width] = 0 }),
		then("the last guard word", func(v []float32, _, _ int) { v[len(v)-1] = 0 }),
		then("one element off by 2e-5", func(v []float32, width, t int) { v[t*width-1] += 2e-5 }),
		then("one element NaN", func(v []float32, width, t int) { v[t*width/2] = nans(1)[0] }),
		dds("drops the last token", func(b backend.Backend, dx, dy backend.Buffer, w backend.Param, t int, mode backend.DDSMode, pre backend.Buffer) {
			b.DDS(dx, dy, w, t-1, mode, pre)
		}),
		dds("assigns where it should add", func(b backend.Backend, dx, dy backend.Buffer, w backend.Param, t int, mode backend.DDSMode, pre backend.Buffer) {
			if mode == backend.Accumulate {
				mode = backend.Assign
			}
			b.DDS(dx, dy, w, t, mode, pre)
		}),
		dds("adds where it should assign", func(b backend.Backend, dx, dy backend.Buffer, w backend.Param, t int, mode backend.DDSMode, pre backend.Buffer) {
			if mode == backend.Assign {
				mode = backend.Accumulate
			}
			b.DDS(dx, dy, w, t, mode, pre)
		}),
		dds("leaves the slope of GELU out", func(b backend.Backend, dx, dy backend.Buffer, w backend.Param, t int, mode backend.DDSMode, pre backend.Buffer) {
			if mode == backend.TimesGELU {
				mode = backend.Assign
			}
			b.DDS(dx, dy, w, t, mode, pre)
		}),
		sdd("assigns", func(b backend.Backend, w, bias backend.Param, dy, x backend.Buffer, t int) {
			b.ZeroGrad([]backend.Param{w})
			b.SDD(w, bias, dy, x, t)
		}),
		sdd("assigns the bias", func(b backend.Backend, w, bias backend.Param, dy, x backend.Buffer, t int) {
			if bias != nil {
				b.ZeroGrad([]backend.Param{bias})
			}
			b.SDD(w, bias, dy, x, t)
		}),
		sdd("no bias", func(b backend.Backend, w, _ backend.Param, dy, x backend.Buffer, t int) { b.SDD(w, nil, dy, x, t) }),
		sdd("drops the last token", func(b backend.Backend, w, bias backend.Param, dy, x backend.Buffer, t int) {
			b.SDD(w, bias, dy, x, t-1)
		}),
		sdd("one element off by 1e-4", func(b backend.Backend, w, bias backend.Param, dy, x backend.Buffer, t int) {
			b.SDD(w, bias, dy, x, t)
			edit(b, w.Grad(), func(v []float32) { v[len(v)-1] += 1e-4 })
		}),
	}
}
