//go:build mpi && unix

package nccl

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/sparsebert/sparsebert-gpu/internal/collective/group"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// Library is NCCL where it is loaded.
type Library struct {
	file    string
	version int

	getVersion, getUniqueID, initRank, asyncError, abort, destroy uintptr
	groupStart, groupEnd, send, recv                              uintptr
	errorString, lastError                                        uintptr

	out results
}

// results is what NCCL writes during a call. It is part of Library, which is on the heap and so stays in
// place.
type results struct {
	code   int32
	comm   uintptr
	id     ID
	config config
}

// config is ncclConfig_t as NCCL 2.14 has it. Newer ones go by its size and version, and add to it.
type config struct {
	size           uintptr
	magic, version uint32
	blocking, _    int32
}

// Results of NCCL, of its ncclResult_t.
const (
	success    = 0
	inProgress = 7
)

// Versions of NCCL, as it counts them.
const (
	oldest = 2_18_00 // with communicators that do not block; older ones are not tried
	major  = 10_000
)

// version writes a number of ncclGetVersion.
func version(v int) string { return fmt.Sprintf("%d.%d.%d", v/major, v%major/100, v%100) }

// soname is the file of NCCL 2 as its programs are linked with it.
const soname = "libnccl.so.2"

// Load loads NCCL: the file or name that is given, or the one that the loader finds. It switches NVLS
// off, where the environment does not say otherwise: that adds by multicast, which nothing here asks for,
// and takes memory. An error is one of package usage.
func Load(file string) (*Library, error) {
	if _, set := os.LookupEnv("NCCL_NVLS_ENABLE"); !set {
		if err := os.Setenv("NCCL_NVLS_ENABLE", "0"); err != nil {
			return nil, err
		}
	}
	name := file
	if name == "" {
		name = soname
	}
	at, err := purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		hint := ""
		if file == "" {
			hint = "; install NCCL (libnccl2), or name its file: --nccl-library; " + None + " sends through the host"
		}
		return nil, usage.Errorf("nccl_library: %s%s", group.OneLine(err.Error()), hint)
	}
	l := &Library{file: name}
	for _, s := range []struct {
		name string
		to   *uintptr
	}{
		{"ncclGetVersion", &l.getVersion}, {"ncclGetUniqueId", &l.getUniqueID}, {"ncclCommInitRankConfig", &l.initRank},
		{"ncclCommGetAsyncError", &l.asyncError}, {"ncclCommAbort", &l.abort}, {"ncclCommDestroy", &l.destroy},
		{"ncclGroupStart", &l.groupStart}, {"ncclGroupEnd", &l.groupEnd}, {"ncclSend", &l.send}, {"ncclRecv", &l.recv},
		{"ncclGetErrorString", &l.errorString}, {"ncclGetLastError", &l.lastError},
	} {
		if *s.to, err = purego.Dlsym(at, s.name); err != nil {
			return nil, usage.Errorf("nccl_library: %s: found no %s in it, expected NCCL %s or newer", name, s.name, version(oldest))
		}
	}
	if err := l.call("ncclGetVersion", l.getVersion, 0, pointer(&l.out.code)); err != nil {
		return nil, usage.Errorf("nccl_library: %s: %v", name, err)
	}
	l.version = int(l.out.code)
	if l.version < oldest || l.version/major != oldest/major {
		return nil, usage.Errorf("nccl_library: %s: found NCCL %s, expected 2, and %s or newer", name, version(l.version), version(oldest))
	}
	return l, nil
}

// String names the library.
func (l *Library) String() string { return fmt.Sprintf("NCCL %s (%s)", version(l.version), l.file) }

// UniqueID makes what the ranks of a communicator have in common. One rank calls it.
func (l *Library) UniqueID() (ID, error) {
	err := l.call("ncclGetUniqueId", l.getUniqueID, 0, pointer(&l.out.id))
	return l.out.id, err
}

// call calls a function that returns an error code. That something is in progress is none. comm is that of
// the call, 0 for none.
func (l *Library) call(name string, f, comm uintptr, args ...uintptr) error {
	code, _, _ := purego.SyscallN(f, args...)
	if int32(code) == success || int32(code) == inProgress {
		return nil
	}
	return l.failed(name, int32(code), comm)
}

// failed words an error code.
func (l *Library) failed(name string, code int32, comm uintptr) error {
	text, _, _ := purego.SyscallN(l.errorString, uintptr(code))
	detail, _, _ := purego.SyscallN(l.lastError, comm)
	said := fmt.Sprintf("%s: NCCL error %d: %s", name, code, text0(text))
	if d := text0(detail); d != "" {
		said += " (" + d + ")"
	}
	return errors.New(said)
}

// init begins to make a communicator that does not block.
func (l *Library) init(p Place) (comm uintptr, err error) {
	l.out.id, l.out.comm = p.ID, 0
	l.out.config = config{size: unsafe.Sizeof(config{}), magic: 0xcafebeef, version: 2_14_00, blocking: 0}
	args := []uintptr{pointer(&l.out.comm), uintptr(p.Size)}
	if runtime.GOARCH == "amd64" {
		// A struct of more than 16 bytes is passed on the stack (System V ABI, 3.2.3), behind the six
		// registers, of which the function takes four.
		args = append(args, uintptr(p.Rank), pointer(&l.out.config), 0, 0)
		words := (*[len(ID{}) / 8]uintptr)(unsafe.Pointer(&l.out.id))
		args = append(args, words[:]...)
	} else { // by its address (AAPCS64, 6.8.2)
		args = append(args, pointer(&l.out.id), uintptr(p.Rank), pointer(&l.out.config))
	}
	err = l.call("ncclCommInitRankConfig", l.initRank, 0, args...)
	return l.out.comm, err
}

// ready says whether nothing is in progress by a communicator.
func (l *Library) ready(comm uintptr) (bool, error) {
	if err := l.call("ncclCommGetAsyncError", l.asyncError, comm, comm, pointer(&l.out.code)); err != nil {
		return false, err
	}
	switch code := l.out.code; code {
	case success:
		return true, nil
	case inProgress:
		return false, nil
	default:
		return false, l.failed("NCCL", code, comm)
	}
}

// maxText bounds what is read of NCCL's texts.
const maxText = 1024

// text0 is the text at an address, up to its zero, as one line.
func text0(at uintptr) string {
	if at == 0 {
		return ""
	}
	var b strings.Builder
	for p := *(*unsafe.Pointer)(unsafe.Pointer(&at)); b.Len() < maxText && *(*byte)(p) != 0; p = unsafe.Add(p, 1) {
		b.WriteByte(*(*byte)(p))
	}
	return strings.TrimSpace(group.OneLine(b.String()))
}

// pointer is the address of what C reads or writes, which must be on the heap.
func pointer[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }
