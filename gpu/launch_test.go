package gpu

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
	"github.com/sparsebert/sparsebert-gpu/kernels"
)

// TestParamSizes: the launchers pass what the PTX takes.
func TestParamSizes(t *testing.T) {
	if got, want := slices.Sorted(maps.Keys(kernelParams)), kernels.Names(); !slices.Equal(got, want) {
		t.Errorf("found launchers of %v, expected %v, of which there is PTX (ci/kernels.sh --write makes both)", got, want)
	}
	for _, name := range kernels.Names() {
		ptx, err := kernels.PTX(name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := ptxsim.Parse(name+".ptx", ptx)
		if err != nil {
			t.Error(err)
			continue
		}
		var want []int
		for _, p := range kernelParams[name] {
			want = append(want, p.bytes)
		}
		if got := m.Kernel(name).ParamSizes(); !slices.Equal(got, want) {
			t.Errorf("%s: found parameters of %v bytes in the PTX, expected %v, as the launcher passes", name, got, want)
		}
	}
}

// recorder notes the calls of a launcher. A call whose name is in fail fails.
type recorder struct {
	Driver // nil: the launcher calls nothing else
	calls  []string
	args   []uint64
	fail   string
	props  Properties

	attributes Attributes
}

var errPlanted = errors.New("planted")

func (r *recorder) call(name string) error {
	r.calls = append(r.calls, name)
	if name == r.fail {
		return &Error{Op: name, Err: errPlanted}
	}
	return nil
}

func (r *recorder) Properties() Properties                        { return r.props }
func (r *recorder) Load(string, []byte) (Module, error)           { return 1, r.call("load") }
func (r *recorder) Function(_ Module, _ string) (Function, error) { return 7, r.call("function") }
func (r *recorder) Sync(Stream) error                             { return r.call("sync") }
func (r *recorder) Launch(_ Stream, _ Function, _, _ Dim3, _ int, args []uint64) error {
	r.args = args
	return r.call("launch")
}

// anyArguments are words for any kernel.
type anyArguments []uint64

func (anyArguments) fits(string) bool   { return true }
func (a anyArguments) encode() []uint64 { return a }

// anyKernel returns a kernel's name and as many words as it takes.
func anyKernel(t *testing.T) (string, anyArguments) {
	t.Helper()
	for _, name := range kernels.Names() {
		if !strings.HasSuffix(name, "_sm90a") {
			return name, make(anyArguments, len(kernelParams[name]))
		}
	}
	t.Fatal("found no kernel")
	return "", nil
}

func TestLaunch(t *testing.T) {
	name, args := anyKernel(t)
	args[0] = 99
	r := &recorder{}
	l := newLauncher(r, 3, backend.F32)
	l.launch(name, config{}, args)
	l.debug = true
	l.launch(name, config{}, args)
	if l.err != nil || !slices.Equal(r.args, []uint64(args)) {
		t.Errorf("found arguments %v and error %v, expected %v and none", r.args, l.err, args)
	}
	if want := []string{"load", "function", "launch", "launch", "sync"}; !slices.Equal(r.calls, want) {
		t.Errorf("found calls %v, expected %v", r.calls, want)
	}
}

func TestFirstErrorStays(t *testing.T) {
	name, args := anyKernel(t)
	for _, fail := range []string{"load", "function", "launch", "sync"} {
		r := &recorder{fail: fail}
		l := newLauncher(r, 3, backend.F32)
		l.debug = true
		l.launch(name, config{}, args)
		first, calls := l.err, len(r.calls)
		if !errors.Is(first, errPlanted) {
			t.Errorf("%s fails: found error %v, expected the driver's", fail, first)
		}
		l.launch(name, config{}, args)
		if l.err != first || len(r.calls) != calls {
			t.Errorf("%s fails: found error %v and calls %v after it, expected no more", fail, l.err, r.calls)
		}
	}
}

func TestLaunchRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		args arguments
		want string
	}{
		{"no_such", anyArguments{}, `found no kernel "no_such"`},
		{"dsd_b16", ddsB16Args{}, "found arguments gpu.ddsB16Args, expected its own"},
	} {
		r := &recorder{}
		l := newLauncher(r, 3, backend.F32)
		l.launch(c.name, config{}, c.args)
		if l.err == nil || !strings.Contains(l.err.Error(), c.want) || len(r.calls) != 0 {
			t.Errorf("%s: found error %v and calls %v, expected %s and none", c.name, l.err, r.calls, c.want)
		}
	}
}

// TestLoad: a kernel is loaded once, and one for another GPU not at all.
func TestLoad(t *testing.T) {
	name, _ := anyKernel(t)
	r := &recorder{}
	l := newLauncher(r, 0, backend.F32)
	if err := l.load(name, name); err != nil || len(r.calls) != 2 {
		t.Errorf("found error %v and calls %v, expected one load", err, r.calls)
	}
	for _, special := range kernels.Names() {
		if !strings.HasSuffix(special, "_sm90a") {
			continue
		}
		for minor, ok := range []bool{true, false} {
			l := newLauncher(&recorder{props: Properties{Major: 9, Minor: minor}}, 0, backend.F32)
			if err := l.load(special); (err == nil) != ok {
				t.Errorf("%s on 9.%d: found error %v", special, minor, err)
			}
		}
	}
}
