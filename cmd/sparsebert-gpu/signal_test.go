//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
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
	var out bytes.Buffer
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if text, err := os.ReadFile(filepath.Join(dir, "metrics.jsonl")); err == nil && len(text) > 0 {
			return cmd, &out
		}
		if time.Now().After(deadline) {
			_ = cmd.Process.Kill()
			t.Fatalf("no log line after a minute: %s", out.String())
		}
	}
}

func TestSignals(t *testing.T) {
	for signal, want := range map[syscall.Signal]int{syscall.SIGINT: exit.SIGINT, syscall.SIGTERM: exit.SIGTERM} {
		dir := filepath.Join(t.TempDir(), "run")
		cmd, out := start(t, dir, quick(dir, "--max-steps", "1000000", "--updates", "1")...)
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != want {
			t.Errorf("%v: exit code %d, expected %d: %s", signal, code, want, out)
		}
		found, skipped, err := checkpoint.Resolve(dir)
		if err != nil || len(skipped) > 0 || found.Step < 1 {
			t.Fatalf("%v: found checkpoint %+v, skipped %v, error %v", signal, found, skipped, err)
		}
		if !strings.Contains(out.String(), fmt.Sprintf("after step %d", found.Step)) {
			t.Errorf("%v: the message should name step %d: %s", signal, found.Step, out)
		}
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
