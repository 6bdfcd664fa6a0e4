//go:build mpi && unix

package mpi

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/sparsebert/sparsebert-gpu/internal/collective/group"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// library is an MPI library that is loaded.
type library struct {
	file    string // as it was asked for
	version string // what it says of itself, in one line
	abi     *abi
	f       functions
	handles
	out results
}

// results is what the library writes during a call. It is part of library, which is on the heap and
// so stays in place; a variable on a goroutine's stack would not.
type results struct {
	a, b int32
	text [8192]byte // MPI_MAX_LIBRARY_VERSION_STRING of all interfaces; MPI_MAX_ERROR_STRING is less
}

// said is the text of the last call, whose length is in a.
func (r *results) said() (string, bool) {
	if r.a < 0 || int(r.a) > len(r.text) {
		return "", false
	}
	return firstLine(string(r.text[:r.a])), true
}

// load loads an MPI library: the file or name that is given, or the first of candidates. An error
// is one of package usage.
func load(given string, find finder) (*library, error) {
	names := []string{given}
	if given == "" {
		names = find.candidates()
	}
	var wrong error
	for _, name := range names {
		// Open MPI's plug-ins look for symbols of the library, so these must be seen by all.
		at, err := purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_GLOBAL)
		if err == nil {
			return bind(name, at)
		}
		if given != "" || wrong == nil && !find.isMissing(name, err) {
			wrong = err // there, but it cannot be loaded
		}
	}
	if wrong != nil {
		return nil, usage.Errorf("mpi_library: %s", group.OneLine(wrong.Error()))
	}
	return nil, usage.Errorf("mpi_library: found no MPI library, neither by the loader nor beside the mpirun in PATH, expected one of %s; install Open MPI or MPICH, or name the file", strings.Join(find.names(), ", "))
}

// bind looks the functions up in the library at handle at, and finds out which interface it has.
func bind(name string, at uintptr) (*library, error) {
	l := &library{file: name}
	address := func(symbol string) (uintptr, error) { return purego.Dlsym(at, symbol) }
	for _, s := range l.f.symbols() {
		var err error
		if *s.to, err = address(s.name); err != nil {
			return nil, usage.Errorf("mpi_library: %s: found no %s in it, expected an MPI library", name, s.name)
		}
	}
	l.f.abiVersion, _ = address("MPI_Abi_get_version") // from MPI 5 on
	code, _, _ := purego.SyscallN(l.f.getLibraryVersion, pointer(&l.out.text), pointer(&l.out.a))
	version, ok := l.out.said()
	if int32(code) != 0 || !ok {
		return nil, usage.Errorf("mpi_library: %s: found no answer to MPI_Get_library_version, expected an MPI library", name)
	}
	l.version = version
	if short, _, ok := strings.Cut(version, ", package: "); ok { // of Open MPI
		l.version = short
	}
	_, errOpenMPI := address("ompi_mpi_comm_world")
	switch {
	case errOpenMPI == nil:
		l.abi = &abiOpenMPI
	case l.isStandard():
		l.abi = &abiStandard
	case isMPICH(l.version):
		l.abi = &abiMPICH
	default:
		return nil, usage.Errorf("mpi_library: %s: found %q, of unknown binary interface, expected that of MPI 5, Open MPI or MPICH", name, l.version)
	}
	var err error
	if l.handles, err = l.abi.handles(address); err != nil {
		return nil, usage.Errorf("mpi_library: %s: %v", name, err)
	}
	return l, nil
}

// isStandard says whether the library has the interface of MPI 5. One that has another says so by
// a negative version.
func (l *library) isStandard() bool {
	if l.f.abiVersion == 0 {
		return false
	}
	code, _, _ := purego.SyscallN(l.f.abiVersion, pointer(&l.out.a), pointer(&l.out.b))
	return int32(code) == 0 && l.out.a >= 1
}

// call calls a function that returns an error code.
func (l *library) call(name string, f uintptr, args ...uintptr) error {
	code, _, _ := purego.SyscallN(f, args...)
	if int32(code) == 0 {
		return nil
	}
	failed, _, _ := purego.SyscallN(l.f.errorString, code, pointer(&l.out.text), pointer(&l.out.a))
	text, ok := l.out.said()
	if int32(failed) != 0 || !ok {
		return fmt.Errorf("%s: error %d", name, int32(code))
	}
	return fmt.Errorf("%s: %s", name, text)
}

// begin initializes MPI and returns this process's place.
func (l *library) begin() (rank, size int, err error) {
	if err := l.call("MPI_Init_thread", l.f.initThread, 0, 0, l.abi.serialized, pointer(&l.out.a)); err != nil {
		return 0, 0, err
	}
	if err := l.call("MPI_Comm_set_errhandler", l.f.setErrhandler, l.world, l.errorsReturn); err != nil {
		return 0, 0, err
	}
	if err := l.call("MPI_Comm_rank", l.f.commRank, l.world, pointer(&l.out.a)); err != nil {
		return 0, 0, err
	}
	if err := l.call("MPI_Comm_size", l.f.commSize, l.world, pointer(&l.out.b)); err != nil {
		return 0, 0, err
	}
	return int(l.out.a), int(l.out.b), nil
}

func (l *library) end() error { return l.call("MPI_Finalize", l.f.finalize) }

// abort ends all processes of the job, this one too.
func (l *library) abort(code int) error {
	return l.call("MPI_Abort", l.f.abort, l.world, uintptr(code))
}

// exit ends this process as a C program ends.
func (l *library) exit(code int) error {
	f, err := purego.Dlsym(purego.RTLD_DEFAULT, "exit")
	if err != nil {
		return err
	}
	return l.call("exit", f, uintptr(code))
}

// pointer is the address of what C writes to, which must be on the heap.
func pointer[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }
