//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/exit"
)

// asProgram makes this test binary behave as the program itself.
const asProgram = "RUN_AS_SPARSEBERT_GPU"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// ourselves is the program in a process of its own.
func ourselves(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return cmd
}

// start starts the program and waits until its run has written a log line.
func start(t *testing.T, dir string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cmd := ourselves(t, args...)
	return cmd, begin(t, cmd, dir)
}

// begin starts a command and waits until its run in dir has written a log line.
func begin(t *testing.T, cmd *exec.Cmd, dir string) *bytes.Buffer {
	t.Helper()
	var out bytes.Buffer
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	awaitMetrics(t, cmd, dir)
	return &out
}

// awaitMetrics waits until a run of a process that goes on has written a log line.
func awaitMetrics(t *testing.T, cmd *exec.Cmd, dir string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if text, err := os.ReadFile(filepath.Join(dir, "metrics.jsonl")); err == nil && len(text) > 0 {
			return
		}
		if time.Now().After(deadline) {
			_ = cmd.Process.Kill()
			t.Fatalf("%s: no log line after a minute: %s", dir, cmd.Stderr)
		}
	}
}

func TestSignals(t *testing.T) {
	for sent, want := range map[syscall.Signal]int{
		syscall.SIGINT: exit.SIGINT, syscall.SIGTERM: exit.SIGTERM, syscall.SIGHUP: 129, syscall.SIGUSR1: 75,
	} {
		t.Run(sent.String(), func(t *testing.T) {
			if signal.Ignored(sent) { // under nohup, and so would the run
				t.Skipf("the tests were started with %v ignored", sent)
			}
			dir := filepath.Join(t.TempDir(), "run")
			cmd, out := start(t, dir, quick(dir, "--max-steps", "1000000", "--updates", "1")...)
			if err := cmd.Process.Signal(sent); err != nil {
				t.Fatal(err)
			}
			late := time.AfterFunc(5*time.Minute, func() { _ = cmd.Process.Kill() }) // a run that does not hear
			_ = cmd.Wait()
			late.Stop()
			if code := cmd.ProcessState.ExitCode(); code != want {
				t.Errorf("exit code %d, expected %d: %s", code, want, out)
			}
			found, skipped, err := checkpoint.Resolve(dir)
			if err != nil || len(skipped) > 0 || found.Step < 1 {
				t.Fatalf("found checkpoint %+v, skipped %v, error %v", found, skipped, err)
			}
			if !strings.Contains(out.String(), fmt.Sprintf("after step %d", found.Step)) {
				t.Errorf("the message should name step %d: %s", found.Step, out)
			}
		})
	}
}

// Under nohup the end of the terminal is none of the run's business, as always.
func TestHangupIgnored(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	cmd := ourselves(t, quick(dir, "--max-steps", "300", "--updates", "1")...)
	cmd.Args = append([]string{"sh", "-c", `trap "" HUP; exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	begin(t, cmd, dir)
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("found %v, expected a run that comes to its end", err)
	}
}

// Nobody reads what the run says: it goes on to its end, and its checkpoint is there.
func TestOutputGone(t *testing.T) {
	for _, stream := range []string{"stdout", "stderr", "both"} {
		dir := filepath.Join(t.TempDir(), "run")
		cmd := ourselves(t, quick(dir, "--max-steps", "60", "--updates", "1", "--quiet=false", "--logging-steps", "1")...)
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		if stream != "stderr" {
			cmd.Stdout = write
		}
		if stream != "stdout" {
			cmd.Stderr = write
		}
		read.Close()
		err = cmd.Run()
		write.Close()
		if err != nil {
			t.Errorf("%s: found %v, expected a run that comes to its end", stream, err)
		}
		if found, _, err := checkpoint.Resolve(dir); err != nil || found.Step != 60 {
			t.Errorf("%s: found checkpoint %+v and error %v, expected that of step 60", stream, found, err)
		}
	}
}

// What is prepared is prepared, whether or not its last line can be written.
func TestPrepareOutputGone(t *testing.T) {
	in := newInputs(t)
	out := in.none("shards")
	cmd := ourselves(t, "prepare", "--corpus", in.file("good.txt", goodText), "--vocab-size", "30", "--out", out)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = write, write
	read.Close()
	defer write.Close()
	if err := cmd.Run(); err != nil {
		t.Errorf("found %v, expected shards", err)
	}
	if _, err := os.Stat(filepath.Join(out, "index.json")); err != nil {
		t.Error(err)
	}
}

// --max-time ends a run, and a sweep, as a scheduler would.
func TestMaxTime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	code, _, errs := invoke(quick(dir, "--max-steps", "1000000", "--updates", "1", "--max-time", "1500ms")...)
	if found, _, err := checkpoint.Resolve(dir); code != exit.TryAgain || err != nil || !strings.Contains(errs, fmt.Sprintf("after step %d, saved: max_time is over", found.Step)) {
		t.Errorf("found exit code %d, error %v and %q, expected %d and a run that is saved", code, err, errs, exit.TryAgain)
	}
	if code, _, errs := invoke("train", "--dry-run", "--max-time", "soon"); code != exit.Usage || !strings.Contains(errs, "23h50m") {
		t.Errorf("found exit code %d and %q, expected %d and what a time is", code, errs, exit.Usage)
	}
}

// Ctrl-C of a page that is served says what it does, and nothing of a step.
func TestSignalWhileServing(t *testing.T) {
	dir := reportRun(t)
	cmd := ourselves(t, "report", dir, "--watch")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.HasPrefix(line, "http://") {
		t.Errorf("found %q and error %v, expected an address", line, err)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exit.Done {
		t.Errorf("exit code %d, expected %d: %s", code, exit.Done, errs.String())
	}
	if got := strings.TrimSpace(errs.String()); got != "SIGINT: the page is no longer served; the runs go on as they were" {
		t.Errorf("found %q, expected a line about the page", got)
	}
}

// With --json-logs every line of stderr is JSON: notices and errors too.
func TestJSONLogs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	cmd, out := start(t, dir, quick(dir, "--max-steps", "1000000", "--updates", "1", "--quiet=false", "--json-logs", "--logging-steps", "100")...)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	_, _, errs := invoke("train", "--json-logs", "--corpus", filepath.Join(dir, "none"))
	text := out.String() + errs
	for line := range strings.Lines(text) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
	for _, want := range []string{`"training"`, "SIGTERM: stopping", `"saved"`, "stopped after step", "nothing there"} {
		if !strings.Contains(text, want) {
			t.Errorf("found %q, expected %q in it", text, want)
		}
	}
}
