//go:build mpi && unix

package nccl

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/collective"
	"github.com/sparsebert/sparsebert-gpu/internal/collective/collectivetest"
	"github.com/sparsebert/sparsebert-gpu/internal/collective/group"
	"github.com/sparsebert/sparsebert-gpu/internal/collective/nccl/nccltest"
	"github.com/sparsebert/sparsebert-gpu/internal/collective/sockets"
	"github.com/sparsebert/sparsebert-gpu/internal/spawn"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// Variables that make this test program a rank: what it does, and NCCL's file.
const (
	rankVariable = "TEST_NCCL_RANK"
	fileVariable = "TEST_NCCL_LIBRARY"
)

func TestMain(m *testing.M) {
	what := os.Getenv(rankVariable)
	if what == "" || !sockets.Inherited() {
		os.Exit(m.Run())
	}
	if err := asRank(what); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// other is a driver with the UUID of all others.
type other struct{ *simdriver.Driver }

func (other) UUID() [16]byte { return [16]byte{1} }

// counted counts the bytes that come from the GPU.
type counted struct {
	group.Carrier
	starts, bytes int
	tells         atomic.Pointer[chan struct{}] // closed when memory of the GPU is on its way
}

func (c *counted) Start(devices []group.Device) error {
	c.starts++
	return c.Carrier.Start(devices)
}

func (c *counted) Begin(send, recv []group.Message) error {
	device := 0
	for _, m := range recv {
		c.bytes += m.Len()
		device += m.Device.Bytes
	}
	if device > 0 {
		if told := c.tells.Swap(nil); told != nil {
			close(*told)
		}
	}
	return c.Carrier.Begin(send, recv)
}

// joinRank joins the ranks and gives them carriers over simulated GPUs.
func joinRank(what string) (*group.Comm, *counted, *copies, error) {
	rank, err := strconv.Atoi(os.Getenv("RANK"))
	if err != nil {
		return nil, nil, nil, err
	}
	size, err := strconv.Atoi(os.Getenv("WORLD_SIZE"))
	if err != nil {
		return nil, nil, nil, err
	}
	conns, err := sockets.Inherit(rank, size)
	if err != nil {
		return nil, nil, nil, err
	}
	timeout := 20 * time.Second
	if what != "suite" {
		timeout = 4 * time.Second
	}
	c, err := sockets.Join(rank, conns, timeout)
	if err != nil {
		return nil, nil, nil, err
	}
	l, err := Load(os.Getenv(fileVariable))
	if err != nil {
		return nil, nil, nil, err
	}
	p := Place{Rank: rank, Size: size}
	if rank == 0 {
		if p.ID, err = l.UniqueID(); err != nil {
			return nil, nil, nil, err
		}
	}
	if err := c.Broadcast(0, p.ID[:]); err != nil {
		return nil, nil, nil, err
	}
	if what == "another size" && rank == 1 {
		p.Size++
	}
	bufferBytes = 64 << 10 // so that long messages take many rounds
	d := &copies{Driver: simdriver.New(simdriver.Options{Threads: 1})}
	var m Memory = d
	if what == "one GPU" {
		m = other{d.Driver}
	}
	carrier, err := l.NewCarrier(m, p, func(devices []group.Device) {
		if rank == 0 {
			fmt.Printf("%v and %d others\n", devices[0], len(devices)-1)
		}
	})
	if err != nil {
		return nil, nil, nil, err
	}
	k := &counted{Carrier: carrier}
	return c, k, d, c.Carry(k, m.UUID())
}

func asRank(what string) error {
	c, k, d, err := joinRank(what)
	if err != nil {
		return err
	}
	rank, size := c.Rank(), c.Size()
	long := make([]byte, 300_001)
	switch what {
	case "suite":
		if err := collectivetest.Run(c); err != nil {
			return err
		}
		for i := range long {
			long[i] = byte(i * 7)
			if rank != 0 {
				long[i] = 0
			}
		}
		if err := c.Broadcast(0, long); err != nil {
			return err
		}
		for i := range long {
			if long[i] != byte(i*7) {
				return fmt.Errorf("byte %d: found %d", i, long[i])
			}
		}
		if size > 1 && (k.starts != 1 || k.bytes < 300_000) {
			return fmt.Errorf("found %d starts and %d bytes by NCCL, expected all long messages", k.starts, k.bytes)
		}
		inOrder, err := c.Depart()
		if err == nil && !inOrder {
			err = fmt.Errorf("found that others have not left in order")
		}
		return err
	case "model":
		hash, err := trainModel(c, d, k)
		if err != nil {
			return err
		}
		if rank == 0 {
			fmt.Println(hash)
		}
		_, err = c.Depart()
		return err
	case "kill":
		c.Note("step 6")
		if err := gather(c, d); err != nil {
			return err
		}
		if rank == 1 {
			return syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		return gather(c, d)
	case "a stuck kernel":
		c.Note("step 6")
		return gather(c, d)
	case "lengths": // which group has checked: the library does so again
		if err := c.Barrier(); err != nil {
			return err
		}
		return c.Run(time.Minute, func() error {
			send, recv := make([]group.Message, size), make([]group.Message, size)
			send[1-rank].Host, recv[1-rank].Host = make([]byte, 10), make([]byte, 10+rank)
			if err := k.Begin(send, recv); err != nil {
				return err
			}
			for begin := time.Now(); time.Since(begin) < 5*time.Second; {
				if done, err := k.Done(); done || err != nil {
					if rank == 0 && err != nil { // which loses the other side
						return nil
					}
					return err
				}
			}
			return nil
		})
	}
	c.Note("step 6")
	return c.Broadcast(0, long)
}

// gather hands memory of the GPU of each rank to all.
func gather(c *group.Comm, d *copies) error {
	const n = 300_000
	p, err := d.Alloc(int64(n*c.Size()), "slices")
	if err != nil {
		return err
	}
	if err := d.Memset(0, p, 1, int64(n*c.Size())); err != nil {
		return err
	}
	all := make([]collective.DeviceSlice, c.Size())
	for i := range all {
		all[i] = collective.DeviceSlice{Address: uint64(p) + uint64(n*i), Bytes: n}
	}
	return c.AllGatherOnDevice(all[c.Rank()], all)
}

func failed(code int) bool { return code != 0 }

// ranks starts n ranks and returns the exit code and what they said.
func ranks(t *testing.T, what, library string, n int, env ...string) (code int, out, errs string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(rankVariable, what)
	t.Setenv(fileVariable, library)
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
		defer os.Unsetenv(name)
	}
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var said bytes.Buffer
	code, _ = spawn.Processes{Number: n, Program: self, Stdout: &said, Stderr: file, Patience: 10 * time.Second, Failed: failed}.Run()
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return code, said.String(), string(text)
}

func TestNCCL(t *testing.T) {
	library := nccltest.Library(t)
	for _, n := range []int{1, 2, 4} {
		code, out, errs := ranks(t, "suite", library, n)
		if code != 0 || errs != "" || !strings.HasPrefix(out, "GPU-") || !strings.HasSuffix(out, fmt.Sprintf(" and %d others\n", n-1)) {
			t.Errorf("%d ranks: exit code %d, said %q and %q", n, code, out, errs)
		}
	}
}

// What goes wrong between the ranks is said in one line by each, in time.
func TestNCCLFaults(t *testing.T) {
	library := nccltest.Library(t)
	for _, c := range []struct {
		what, env, says string
	}{
		{"one GPU", "", "have the same GPU, GPU-01000000-0000-0000-0000-000000000000, expected one for each"},
		{"a stuck kernel", "FAKE_NCCL_HANG=1", "timed out after 4s waiting for rank "},
		{"kill", "", "has ended without a word, or its connection has (last: all-gather on devices of step 6"},
		{"another size", "", "NCCL error 5: invalid usage"},
		{"lengths", "", "NCCL error 4: invalid argument"},
		{"another NVLS", "NCCL_NVLS_ENABLE=1", "ncclGetUniqueId: NCCL error 5: invalid usage (NCCL_NVLS_ENABLE is not what was expected)"},
	} {
		t.Run(c.what, func(t *testing.T) {
			begin := time.Now()
			env := []string{}
			if c.env != "" {
				env = append(env, c.env)
			}
			code, _, errs := ranks(t, c.what, library, 2, env...)
			if code == 0 || !strings.Contains(errs, c.says) || strings.Count(errs, "\n") > 2 || time.Since(begin) > 20*time.Second {
				t.Errorf("after %v: exit code %d, said %q, expected %q", time.Since(begin), code, errs, c.says)
			}
		})
	}
}

// What is no NCCL, or too old, costs one line.
func TestNCCLWrongLibrary(t *testing.T) {
	library := nccltest.Library(t)
	for _, c := range []struct{ file, version, says string }{
		{library, "21703", "found NCCL 2.17.3, expected 2, and 2.18.0 or newer"},
		{library, "30000", "found NCCL 3.0.0, expected 2, and 2.18.0 or newer"},
		{"no-such-nccl.so", "", "nccl_library: no-such-nccl.so: cannot open shared object file"},
		{"libm.so.6", "", "nccl_library: libm.so.6: found no ncclGetVersion in it, expected NCCL 2.18.0 or newer"},
	} {
		if runtime.GOOS != "linux" && c.version == "" {
			continue // the words and names are those of Linux
		}
		os.Setenv("FAKE_NCCL_VERSION", c.version)
		if c.version == "" {
			os.Unsetenv("FAKE_NCCL_VERSION")
		}
		_, err := Load(c.file)
		os.Unsetenv("FAKE_NCCL_VERSION")
		if !usage.Is(err) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s %s: found %v, expected %s", c.file, c.version, err, c.says)
		}
	}
}
