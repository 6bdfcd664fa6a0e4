package backendtest

import "github.com/sparsebert/sparsebert-gpu/backend"

// sharedFault replaces some of backend.SharedInput; the rest goes one by one.
type sharedFault struct {
	backend.Backend
	dsd func(o oneByOne, y []backend.Buffer, x backend.Buffer, w, b []backend.Param, t int)
	dds func(o oneByOne, dx backend.Buffer, dy []backend.Buffer, w []backend.Param, t int)
	sdd func(o oneByOne, w, b []backend.Param, dy []backend.Buffer, x backend.Buffer, t int)
}

func (f sharedFault) Capabilities() backend.Capabilities {
	return backend.Capabilities{SharedInput: f}
}

func (f sharedFault) DSDShared(y []backend.Buffer, x backend.Buffer, w, b []backend.Param, t int) {
	if f.dsd != nil {
		f.dsd(oneByOne{f.Backend}, y, x, w, b, t)
		return
	}
	oneByOne{f.Backend}.DSDShared(y, x, w, b, t)
}

func (f sharedFault) DDSShared(dx backend.Buffer, dy []backend.Buffer, w []backend.Param, t int) {
	if f.dds != nil {
		f.dds(oneByOne{f.Backend}, dx, dy, w, t)
		return
	}
	oneByOne{f.Backend}.DDSShared(dx, dy, w, t)
}

func (f sharedFault) SDDShared(w, b []backend.Param, dy []backend.Buffer, x backend.Buffer, t int) {
	if f.sdd != nil {
		f.sdd(oneByOne{f.Backend}, w, b, dy, x, t)
		return
	}
	oneByOne{f.Backend}.SDDShared(w, b, dy, x, t)
}

func sharedFaults() []fault {
	plant := func(name string, f sharedFault) fault {
		return fault{"SharedInput", name, func(b backend.Backend) backend.Backend {
			f.Backend = b
			return f
		}}
	}
	return []fault{
		plant("outputs in another order", sharedFault{dsd: func(o oneByOne, y []backend.Buffer, x backend.Buffer, w, b []backend.Param, t int) {
			for i := range w {
				o.DSD(y[(i+1)%len(y)], nil, x, w[i], b[i], t)
			}
		}}),
		plant("the first bias for all", sharedFault{dsd: func(o oneByOne, y []backend.Buffer, x backend.Buffer, w, b []backend.Param, t int) {
			for i := range w {
				o.DSD(y[i], nil, x, w[i], b[0], t)
			}
		}}),
		plant("the last output left out", sharedFault{dsd: func(o oneByOne, y []backend.Buffer, x backend.Buffer, w, b []backend.Param, t int) {
			o.DSDShared(y[:len(y)-1], x, w[:len(w)-1], b, t)
		}}),
		plant("dx assigned", sharedFault{dds: func(o oneByOne, dx backend.Buffer, dy []backend.Buffer, w []backend.Param, t int) {
			mode := backend.Assign
			for i := range w {
				o.DDS(dx, dy[i], w[i], t, mode, nil)
				mode = backend.Accumulate
			}
		}}),
		plant("one weight left out of dx", sharedFault{dds: func(o oneByOne, dx backend.Buffer, dy []backend.Buffer, w []backend.Param, t int) {
			o.DDSShared(dx, dy, w[:max(1, len(w)-1)], t)
		}}),
		plant("the first dy for all of dx", sharedFault{dds: func(o oneByOne, dx backend.Buffer, dy []backend.Buffer, w []backend.Param, t int) {
			for i := range w {
				o.DDS(dx, dy[0], w[i], t, backend.Accumulate, nil)
			}
		}}),
		plant("the first dy for all gradients", sharedFault{sdd: func(o oneByOne, w, b []backend.Param, dy []backend.Buffer, x backend.Buffer, t int) {
			for i := range w {
				o.SDD(w[i], b[i], dy[0], x, t)
			}
		}}),
		plant("bias gradients twice", sharedFault{sdd: func(o oneByOne, w, b []backend.Param, dy []backend.Buffer, x backend.Buffer, t int) {
			o.SDDShared(w, b, dy, x, t)
			for i := range b {
				if b[i] != nil {
					o.SDD(w[i], b[i], dy[i], x, 1)
				}
			}
		}}),
		plant("the last token left out", sharedFault{sdd: func(o oneByOne, w, b []backend.Param, dy []backend.Buffer, x backend.Buffer, t int) {
			o.SDDShared(w, b, dy, x, t-1)
		}}),
	}
}
