//go:build unix

package hook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// warnings collects them.
type warnings struct {
	mu   sync.Mutex
	text []string
}

func (w *warnings) add(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, text)
}

// run trains for a moment with a hook on a command, and closes it. It fails where that does
// not end.
func run(t *testing.T, command string, limit time.Duration) (dir string, w *warnings) {
	t.Helper()
	c := train.DefaultConfig()
	c.Layers, c.Hidden, c.Heads, c.FFN = 1, 16, 1, 32
	c.BlockSize, c.Sparsity, c.Updates, c.SeqLen, c.BatchSize = 4, 0.5, 3, 16, 2
	c.MaxSteps, c.LoggingSteps, c.EvalSteps, c.SaveSteps, c.EvalBatches, c.FinalBatches = 12, 2, 4, 6, 1, 1
	c.Threads, c.OutputDir = 1, filepath.Join(t.TempDir(), "run")
	w = new(warnings)
	h := newHook(command, limit, w.add)
	open := func(_, _ string, threads int) (backend.Backend, error) { return cpu.New(cpu.Options{Threads: threads}) }
	ended := make(chan error, 1)
	go func() {
		_, err := train.Run(t.Context(), c, open, h)
		h.Close()
		ended <- err
	}()
	select {
	case err := <-ended:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(2 * time.Minute):
		t.Fatal("found a run that does not end")
	}
	return c.OutputDir, w
}

// The command gets every event, in order, with what the run measured.
func TestEvents(t *testing.T) {
	file := filepath.Join(t.TempDir(), "events")
	t.Setenv("EVENTS", file)
	dir, w := run(t, `cat >>"$EVENTS"`, time.Minute)
	if len(w.text) > 0 {
		t.Errorf("found warnings %v, expected none", w.text)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	var events []Event
	for line := range bytes.Lines(text) {
		var e Event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, fmt.Sprint(e.Event, " ", e.Step))
		events = append(events, e)
		if e.Run != dir || e.MaxSteps != 12 {
			t.Errorf("found run %s of %d steps, expected %s of 12", e.Run, e.MaxSteps, dir)
		}
		if at, err := time.Parse(time.RFC3339, e.Time); err != nil || time.Since(at) > time.Hour {
			t.Errorf("found the time %q (%v)", e.Time, err)
		}
	}
	want := []string{"evaluation 4", "save 6", "evaluation 8", "evaluation 12", "save 12", "end 12"}
	if !slices.Equal(kinds, want) {
		t.Fatalf("found the events %q, expected %q", kinds, want)
	}
	first, last := events[0], events[len(events)-1]
	if m := first.Metrics; m["eval"]["step"] != 4 || !(m["eval"]["mlm_loss"] > 0) || m["train"]["step"] != 4 || m["topology"]["update"] != 1 || !(m["train"]["lr"] > 0) {
		t.Errorf("found the numbers %v of the first evaluation, expected those of step 4", m)
	}
	if events[1].Checkpoint != filepath.Join(dir, "checkpoints", "step-6") {
		t.Errorf("found the checkpoint %q", events[1].Checkpoint)
	}
	if last.State != train.StateDone || last.Reason != "" || last.Metrics["eval"]["step"] != 12 {
		t.Errorf("found the end %+v", last)
	}
}

// A command that fails costs one warning, which has its last words.
func TestFailingCommand(t *testing.T) {
	_, w := run(t, "echo first >&2; echo no such tracker >&2; exit 3", time.Minute)
	if len(w.text) != 1 || !strings.Contains(w.text[0], "exit status 3 (no such tracker) for the event evaluation of step 4, expected") {
		t.Errorf("found the warnings %q, expected one of the exit status and the last line", w.text)
	}
}

// Of several processes of a launcher one runs the command, which is none of them.
func TestCommandIsNoProcessOfTheJob(t *testing.T) {
	t.Setenv("PMI_SIZE", "2")
	_, w := run(t, `[ -z "$PMI_SIZE" ] || { echo "found PMI_SIZE=$PMI_SIZE" >&2; exit 1; }`, time.Minute)
	if len(w.text) != 0 {
		t.Errorf("found the warnings %q, expected none", w.text)
	}
}

// A command that hangs, with what it started, is ended when its time is over; the run goes on
// and ends.
func TestHangingCommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pids")
	t.Setenv("PIDS", file)
	_, w := run(t, `sleep 600 & echo $! >>"$PIDS"; wait`, 300*time.Millisecond)
	if len(w.text) != 1 || !strings.Contains(w.text[0], "a command that goes on after 300ms") {
		t.Errorf("found the warnings %q, expected one", w.text)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pids := strings.Fields(string(text))
	if len(pids) == 0 {
		t.Fatal("found no process that the command started")
	}
	for _, pid := range pids {
		var n int
		if _, err := fmt.Sscan(pid, &n); err != nil {
			t.Fatal(err)
		}
		for gone := false; !gone; { // once it is reaped, or a zombie that nobody reaps
			state, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n))
			gone = syscall.Kill(n, 0) != nil || bytes.Contains(state, []byte(") Z "))
			if !gone {
				time.Sleep(10 * time.Millisecond)
			}
		}
	}
}

// A command that leaves something behind that holds its streams does not hold the run.
func TestCommandThatLeavesAChild(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	t.Setenv("PIDS", file)
	_, w := run(t, `cat >/dev/null; sleep 600 & echo $! >>"$PIDS"`, 20*time.Second)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range strings.Fields(string(text)) {
		var n int
		if _, err := fmt.Sscan(pid, &n); err != nil {
			t.Fatal(err)
		}
		syscall.Kill(n, syscall.SIGKILL) // this test's own
	}
	if len(w.text) > 0 {
		t.Errorf("found warnings %q, expected none", w.text)
	}
}

// No observer call waits for a command, however many events wait; the newest stay.
func TestEventsThatWait(t *testing.T) {
	file := filepath.Join(t.TempDir(), "events")
	t.Setenv("EVENTS", file)
	w := new(warnings)
	gate := filepath.Join(t.TempDir(), "gate")
	t.Setenv("GATE", gate)
	h := newHook(`while ! [ -e "$GATE" ]; do sleep 0.01; done; cat >>"$EVENTS"`, time.Minute, w.add)
	for i := range 3 * waiting {
		h.Stepped(int64(i+1), 1000, 1)
		h.Evaluated(train.EvalMetrics{Step: int64(i + 1)})
	}
	if len(w.text) != 1 {
		t.Errorf("found the warnings %q, expected one", w.text)
	}
	if err := os.WriteFile(gate, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	h.Close()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte("\n")); n != waiting && n != waiting+1 { // and the one that it was at
		t.Errorf("found %d events, expected the last %d", n, waiting)
	}
	if !bytes.Contains(text, []byte(fmt.Sprintf(`"step":%d,`, 3*waiting))) {
		t.Error("found no event of the last step")
	}
}

// A run that never began has no end to tell of.
func TestNoRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "events")
	t.Setenv("EVENTS", file)
	w := new(warnings)
	New(`cat >>"$EVENTS"`, w.add).Close()
	if _, err := os.Stat(file); err == nil || len(w.text) > 0 {
		t.Errorf("found a call of the command, warnings %q", w.text)
	}
}

// What a command writes is kept to its end.
func TestTail(t *testing.T) {
	var said tail
	for range 1000 {
		fmt.Fprintln(&said, strings.Repeat("x", 100))
	}
	fmt.Fprint(&said, "the last\xff line\n\n")
	if len(said.text) > shown || said.line() != "the last? line" {
		t.Errorf("found %d bytes and the line %q", len(said.text), said.line())
	}
}
