package gpu

import (
	"fmt"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/kernels"
)

// kernelParam is a parameter of a kernel and its size.
type kernelParam struct {
	name  string
	bytes int
}

// launcher queues kernels on one stream. Its methods in launch_gen.go take the
// parameters of one kernel each. The first error stays in err, and later
// launches do nothing, so that a sequence of them is checked once at its end.
type launcher struct {
	drv    Driver
	stream Stream
	fn     map[string]Function // those that are loaded
	err    error
	debug  bool // wait for each launch, so that a fault names its kernel
	queued int  // launches
}

func newLauncher(drv Driver, stream Stream) *launcher {
	return &launcher{drv: drv, stream: stream, fn: map[string]Function{}}
}

// load compiles kernels that are not yet loaded. A launch does so too, which
// takes its time then and is an error while the stream is captured.
func (l *launcher) load(names ...string) error {
	for _, name := range names {
		if _, ok := l.fn[name]; ok {
			continue
		}
		ptx, err := kernels.PTX(name)
		if err != nil {
			return err
		}
		if p := l.drv.Properties(); strings.HasSuffix(name, "_sm90a") && (p.Major != 9 || p.Minor != 0) {
			return fmt.Errorf("kernel %s: found a GPU of compute capability %d.%d, expected 9.0", name, p.Major, p.Minor)
		}
		m, err := l.drv.Load(name, []byte(ptx))
		if err != nil {
			return err
		}
		f, err := l.drv.Function(m, name)
		if err != nil {
			return err
		}
		l.fn[name] = f
	}
	return nil
}

// launch queues a kernel with one word for each parameter.
func (l *launcher) launch(name string, grid, block Dim3, shared int, args ...uint64) {
	if l.err == nil {
		l.err = l.try(name, grid, block, shared, args)
	}
}

func (l *launcher) try(name string, grid, block Dim3, shared int, args []uint64) error {
	params := kernelParams[name]
	if len(args) != len(params) {
		return fmt.Errorf("kernel %s: found %d arguments, expected %d", name, len(args), len(params))
	}
	if err := l.load(name); err != nil {
		return err
	}
	l.queued++
	err := l.drv.Launch(l.stream, l.fn[name], grid, block, shared, args)
	if err == nil && l.debug {
		err = l.drv.Sync(l.stream)
	}
	if err != nil {
		values := ""
		for i, p := range params {
			values += fmt.Sprintf(" %s=%#x", p.name, args[i])
		}
		return fmt.Errorf("kernel %s%s: %w", name, values, err)
	}
	return nil
}
