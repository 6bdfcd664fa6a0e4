package gpu

import (
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/launch"
)

// kernelParam is a parameter of a kernel and its size.
type kernelParam struct {
	name  string
	bytes int
}

// config is the launch configuration of a kernel.
type config struct {
	grid, block Dim3
	shared      int // bytes of dynamic shared memory
}

// arguments are the parameters of a kernel by name: the structs of launch_gen.go.
type arguments interface {
	fits(kernel string) bool // whether that kernel takes them
	encode() []uint64        // one for each, in order
}

// launcher queues kernels on one stream. Its methods in launch_gen.go take the
// configuration and the parameters of one kernel each. The first error stays in err, and later
// launches do nothing, so that a sequence of them is checked once at its end.
type launcher struct {
	drv      Driver
	stream   Stream
	fn       map[string]Function // those that are loaded
	loading  loading
	err      error
	debug    bool                                              // wait for each launch, so that a fault names its kernel
	queued   int                                               // launches
	launched func(kernel string, grid, block Dim3, shared int) // nil: nobody is told
	act      string                                            // the end of the names of kernels for the dtype of activations
	branch   branch
}

func newLauncher(drv Driver, stream Stream, act backend.DType) *launcher {
	l := &launcher{drv: drv, stream: stream, fn: map[string]Function{}, act: "f32"}
	if act == backend.BF16 {
		l.act = "bf16"
	}
	return l
}

// configOf is the configuration that a plan chose.
func configOf(l launch.Launch) config { return config{Dim3(l.Grid), Dim3(l.Block), l.Shared} }

// planned queues the kernel of a plan.
func (l *launcher) planned(p launch.Launch, a arguments) { l.launch(p.Kernel, configOf(p), a) }

// launch queues a kernel.
func (l *launcher) launch(kernel string, c config, a arguments) {
	if l.err == nil {
		l.err = l.try(kernel, c, a)
	}
}

func (l *launcher) try(kernel string, c config, a arguments) error {
	if !a.fits(kernel) {
		return fmt.Errorf("kernel %s: found arguments %T, expected its own", kernel, a)
	}
	if err := l.load(kernel); err != nil {
		return err
	}
	if err := l.joined(); err != nil {
		return err
	}
	l.queued++
	if l.launched != nil {
		l.launched(kernel, c.grid, c.block, c.shared)
	}
	args := a.encode()
	err := l.drv.Launch(l.stream, l.fn[kernel], c.grid, c.block, c.shared, args)
	if err == nil && l.debug {
		err = l.drv.Sync(l.stream)
	}
	if err != nil {
		values := ""
		for _, p := range kernelParams[kernel] {
			values += fmt.Sprintf(" %s=%#x", p.name, args[0])
			args = args[(p.bytes+7)/8:]
		}
		return fmt.Errorf("kernel %s%s: %w", kernel, values, err)
	}
	return nil
}
