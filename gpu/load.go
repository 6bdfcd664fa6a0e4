package gpu

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/kernels"
)

// loading is how kernels are loaded, and what came of it.
type loading struct {
	compile bool // from PTX, whatever the program holds
	record  backend.Loaded
	spilled bool // a kernel has local memory that it should not have: said once

	cubin func(ptx []byte, major, minor int) ([]byte, error) // nil: kernels.Cubin
}

// loaded is what was loaded so far.
func (l *loading) loaded() backend.Loaded {
	r := l.record
	r.Kernels, r.Warnings = slices.Clone(r.Kernels), slices.Clone(r.Warnings)
	return r
}

// load loads kernels that are not yet loaded: machine code where the program holds it for this
// GPU, else PTX, which the driver compiles. A launch does so too, which takes its time then and
// is an error while the stream is captured.
func (l *launcher) load(names ...string) error {
	for _, name := range names {
		if _, ok := l.fn[name]; ok {
			continue
		}
		text, err := kernels.PTX(name)
		if err != nil {
			return err
		}
		if p := l.drv.Properties(); strings.HasSuffix(name, "_sm90a") && (p.Major != 9 || p.Minor != 0) {
			return fmt.Errorf("kernel %s: found a GPU of compute capability %d.%d, expected 9.0", name, p.Major, p.Minor)
		}
		start := time.Now()
		m, compiled, err := l.loading.module(l.drv, name, []byte(text))
		if err != nil {
			return err
		}
		f, err := l.drv.Function(m, name)
		if err != nil {
			return err
		}
		l.fn[name] = f
		l.loading.note(l.drv, f, backend.LoadedKernel{Name: name, Compiled: compiled}, time.Since(start))
	}
	return nil
}

// module loads the module of a kernel. Machine code that the driver does not take is given up for
// good, with a warning.
func (l *loading) module(d Driver, name string, ptx []byte) (m Module, compiled bool, err error) {
	p := d.Properties()
	if p.MachineCode && !l.compile {
		find := l.cubin
		if find == nil {
			find = kernels.Cubin
		}
		code, err := find(ptx, p.Major, p.Minor)
		if err == nil && code != nil {
			if m, err = d.LoadMachineCode(name, code, ptx); err == nil {
				return m, false, nil
			}
		}
		if err != nil {
			l.compile = true
			l.record.Warnings = append(l.record.Warnings, fmt.Sprintf(
				"found that the driver does not take this program's machine code for compute capability %d.%d (%v); it compiles the kernels' PTX instead, which takes a while when each is first used",
				p.Major, p.Minor, err))
		}
	}
	m, err = d.Load(name, ptx)
	return m, true, err
}

// note records a kernel that took so long to load, and warns, once, of local memory that the
// kernel does not have as it was checked.
func (l *loading) note(d Driver, f Function, k backend.LoadedKernel, took time.Duration) {
	a := d.Attributes(f)
	k.Registers, k.LocalBytes = a.Registers, a.LocalBytes
	r := backend.Loaded{Kernels: []backend.LoadedKernel{k}, Seconds: took.Seconds()}
	want, err := kernels.LocalBytes(k.Name, d.Properties().Major)
	if err == nil && k.LocalBytes > want && !l.spilled {
		l.spilled = true
		r.Warnings = []string{fmt.Sprintf(
			"kernel %s: found %d bytes of local memory for each thread, expected %d as the compiler made it with which it was checked: this driver's compiler spills registers, and steps will be slower (status.json, verify and bench --json show all kernels)",
			k.Name, k.LocalBytes, want)}
	}
	l.record.Add(r)
}

// LoadOne has the driver load a kernel that every GPU runs, as a backend would load it: a driver
// that can load none shows before a run.
func LoadOne(d Driver) error { return newLauncher(d, 0, backend.F32).load("zero_grad") }
