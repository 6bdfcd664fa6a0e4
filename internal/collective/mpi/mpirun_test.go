//go:build mpi && unix

package mpi

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/collective/collectivetest"
	"github.com/sparsebert/sparsebert-gpu/internal/collective/group"
	"github.com/sparsebert/sparsebert-gpu/internal/collective/mpi/mpitest"
	"github.com/sparsebert/sparsebert-gpu/internal/launcher"
)

// mpirun runs this test program as n ranks and returns what they said and how it ended.
func mpirun(t *testing.T, file string, n int, what string, env ...string) (string, error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	cmd := mpitest.Command(ctx, file, n, self)
	cmd.Env = append(cmd.Env, append(env, rankVariable+"="+what)...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err = cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("%s %s: has not ended; said %s", file, what, said.String())
	}
	return said.String(), err
}

// actAsRank is what a rank does; it returns the exit code.
func actAsRank(what string) int {
	code := 0
	if err := asRank(what); err != nil {
		fmt.Println(err)
		code = 1
	}
	Exit(code)
	return code
}

func asRank(what string) error {
	place, err := launcher.Find(os.Getenv)
	if err != nil {
		return err
	}
	timeout := 20 * time.Second
	if what != "suite" {
		timeout = 2 * time.Second
	}
	if what == "another size" {
		place = launcher.Place{Launcher: "a test", Variable: "SIZE=3", Size: 3}
	}
	c, library, err := Join(Options{Library: os.Getenv("SPARSEBERT_MPI_LIBRARY"), Timeout: timeout, Place: place})
	if err != nil {
		return err
	}
	switch what {
	case "suite":
		fmt.Printf("rank %d of %d by %s\n", c.Rank(), c.Size(), library)
		if err := collectivetest.Run(c); err != nil {
			return err
		}
		return longMessages(c)
	case "stop", "kill":
		c.Note("step 3")
		if err := c.Barrier(); err != nil {
			return err
		}
		if c.Rank() == 1 {
			signal := syscall.SIGSTOP
			if what == "kill" {
				signal = syscall.SIGKILL
			}
			return syscall.Kill(os.Getpid(), signal)
		}
		return c.Barrier()
	}
	for _, k := range collectivetest.Faults() {
		if k.Name == what {
			if err := k.Run(c); err != nil {
				return err
			}
			fmt.Printf("rank %d has passed\n", c.Rank())
			if c.Rank() == 0 {
				time.Sleep(timeout + timeout/2) // while the others find that it does not come
			}
			return nil
		}
	}
	return fmt.Errorf("found no case %q", what)
}

// longMessages exchanges messages of several pieces, and times them.
func longMessages(c *group.Comm) error {
	n := 9<<20 + 1 // of several pieces
	send, recv := make([][]byte, c.Size()), make([][]byte, c.Size())
	for i := range send {
		send[i], recv[i] = bytes.Repeat([]byte{byte(c.Rank()*16 + i)}, n), make([]byte, n)
	}
	begin := time.Now()
	if err := c.AllToAll(send, recv); err != nil {
		return err
	}
	passed := time.Since(begin)
	for i := range recv {
		if !bytes.Equal(recv[i], bytes.Repeat([]byte{byte(i*16 + c.Rank())}, n)) {
			return fmt.Errorf("the %d bytes from rank %d are not those it sent", n, i)
		}
	}
	begin = time.Now()
	for range 100 {
		if err := c.Barrier(); err != nil {
			return err
		}
	}
	fmt.Printf("rank %d: %d bytes to and from each in %v; a barrier takes %v\n", c.Rank(), n, passed, time.Since(begin)/100)
	return nil
}

// each runs a test with every launcher, at the same time: most of it is waiting. In short mode a test
// of what is the same for all libraries runs with one.
func each(t *testing.T, sameForAll bool, test func(t *testing.T, file string)) {
	launchers := mpitest.Launchers(t)
	if testing.Short() && sameForAll {
		launchers = launchers[len(launchers)-1:]
	}
	for _, file := range launchers {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			test(t, file)
		})
	}
}

func TestMPI(t *testing.T) {
	each(t, false, func(t *testing.T, file string) {
		for _, n := range []int{1, 2, 4} {
			said, err := mpirun(t, file, n, "suite")
			if err != nil || strings.Count(said, fmt.Sprintf(" of %d by ", n)) != n {
				t.Errorf("-n %d: %v; said %s", n, err, said)
			}
			t.Logf("-n %d\n%s", n, said)
		}
	})
}

func TestMPIFaults(t *testing.T) {
	each(t, true, func(t *testing.T, file string) {
		for _, k := range collectivetest.Faults() {
			said, _ := mpirun(t, file, 3, k.Name)
			if strings.Count(said, " has passed\n") != 3 {
				t.Errorf("%s: said %s", k.Name, said)
			}
		}
	})
}

// Of a process that hangs the others tell which it is and what it did last, and all end. One that is
// killed ends all too, by the launcher or by us.
func TestMPIDeadRank(t *testing.T) {
	each(t, false, func(t *testing.T, file string) {
		for _, what := range []string{"stop", "kill"} {
			begin := time.Now()
			said, err := mpirun(t, file, 2, what)
			if err == nil || time.Since(begin) > 30*time.Second {
				t.Errorf("%s: found exit code 0 or no end in time; said %s", what, said)
			}
			if what == "stop" && (!strings.Contains(said, "timed out after 2s waiting for rank 1 on ") || !strings.Contains(said, "(last: barrier of step 3)")) {
				t.Errorf("%s: said %s, expected rank 1 and what it did last", what, said)
			}
			t.Logf("%s: after %v: %v\n%s", what, time.Since(begin), err, said)
		}
	})
}

// What is no MPI library, or not that of the launcher, costs one line and begins nothing.
func TestMPIWrongLibrary(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the names of libraries here are those of Linux")
	}
	each(t, true, func(t *testing.T, file string) {
		for library, want := range map[string]string{
			"no-such-library.so": "no-such-library.so: cannot open shared object file",
			"libm.so.6":          "libm.so.6: found no MPI_Get_library_version in it, expected an MPI library",
			"/dev/null":          "/dev/null",
		} {
			said, err := mpirun(t, file, 1, "suite", "SPARSEBERT_MPI_LIBRARY="+library)
			if first, _, _ := strings.Cut(said, "\n"); err == nil || !strings.Contains(first, want) {
				t.Errorf("%s: %v: said %s, expected %s", library, err, said, want)
			}
		}
		said, err := mpirun(t, file, 1, "another size")
		if err == nil || !strings.Contains(said, "a test started 3 processes (SIZE=3), but ") || !strings.Contains(said, " sees 1: expected the library of the MPI that started them; name its file") {
			t.Errorf("%v: said %s, expected that the library sees another number of processes", err, said)
		}
	})
}
