package spawn_test

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/collective/collectivetest"
	"github.com/sparsebert/sparsebert-gpu/internal/collective/sockets"
	"github.com/sparsebert/sparsebert-gpu/internal/spawn"
)

// rankVariable makes this test program a rank: it names what the rank does.
const rankVariable = "TEST_SPAWN_RANK"

func TestMain(m *testing.M) {
	what := os.Getenv(rankVariable)
	if what == "" || !sockets.Inherited() {
		os.Exit(m.Run())
	}
	code, err := asRank(what)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func number(name string) int {
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		panic(err)
	}
	return n
}

func asRank(what string) (int, error) {
	rank, size := number("RANK"), number("WORLD_SIZE")
	conns, err := sockets.Inherit(rank, size)
	if err != nil {
		return 1, err
	}
	c, err := sockets.Join(rank, conns, 20*time.Second)
	if err != nil {
		return 1, err
	}
	fmt.Printf("rank %d of %d\n", number("LOCAL_RANK"), number("LOCAL_WORLD_SIZE"))
	switch what {
	case "suite":
		if sockets.Inherited() {
			return 1, fmt.Errorf("found %s, expected that what a rank starts does not have it", sockets.Variable)
		}
		if err := collectivetest.Run(c); err != nil {
			return 1, err
		}
		_, err := c.Depart()
		return 0, err
	case "kill":
		if rank == 1 {
			return 1, syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		return 0, c.Barrier()
	case "linger":
		if rank == 0 {
			return 0, nil
		}
		time.Sleep(time.Hour)
	case "hang":
		if rank == 1 {
			return 7, nil
		}
		time.Sleep(time.Hour)
	}
	return 1, fmt.Errorf("found no case %q", what)
}

func failed(code int) bool { return code != 0 }

// ranks starts n ranks and returns the exit code, the error, and what was said.
func ranks(t *testing.T, what string, n int) (code int, out, errs string, err error) {
	t.Helper()
	self, e := os.Executable()
	if e != nil {
		t.Fatal(e)
	}
	t.Setenv(rankVariable, what)
	// More than one process writes there, so it must be a file: a buffer would be written to in turns.
	file, e := os.CreateTemp(t.TempDir(), "")
	if e != nil {
		t.Fatal(e)
	}
	defer file.Close()
	var said bytes.Buffer
	code, err = spawn.Processes{Number: n, Program: self, Stdout: &said, Stderr: file, Patience: time.Second, Failed: failed}.Run()
	text, e := os.ReadFile(file.Name())
	if e != nil {
		t.Fatal(e)
	}
	return code, said.String(), string(text), err
}

func TestRanks(t *testing.T) {
	for _, n := range []int{1, 2, 4} {
		code, out, errs, err := ranks(t, "suite", n)
		if code != 0 || err != nil || errs != "" || out != fmt.Sprintf("rank 0 of %d\n", n) {
			t.Errorf("%d: exit code %d, %v, found %q and %q, expected what rank 0 says", n, code, err, out, errs)
		}
	}
}

// One that dies ends all: the others name it.
func TestRankDies(t *testing.T) {
	begin := time.Now()
	code, _, errs, err := ranks(t, "kill", 3)
	if code != 1 || strings.Count(errs, "has ended without a word") != 2 || time.Since(begin) > 15*time.Second {
		t.Errorf("after %v: exit code %d, %v, %q", time.Since(begin), code, err, errs)
	}
}

// Those that do not end after another has failed are killed.
func TestRankHangs(t *testing.T) {
	if code, _, errs, err := ranks(t, "hang", 2); code != 1 || err != nil {
		t.Errorf("exit code %d, %v, %q", code, err, errs)
	}
}

// One that goes on after the run has ended in order is killed too. The exit code is that of rank 0.
func TestRankLingers(t *testing.T) {
	code, _, errs, err := ranks(t, "linger", 2)
	if code != 0 || err != nil || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, "rank 1 (process ") || !strings.Contains(errs, ") has not ended 1s after rank 0: killed") {
		t.Errorf("exit code %d, %v, %q", code, err, errs)
	}
}

func TestProgramMissing(t *testing.T) {
	if code, err := (spawn.Processes{Number: 2, Program: "/nonexistent"}).Run(); code != 1 || err == nil || !strings.Contains(err.Error(), "start process 1 of 2: ") {
		t.Errorf("exit code %d, %v", code, err)
	}
}
