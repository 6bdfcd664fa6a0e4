//go:build unix

package main

import (
	"bytes"
	"encoding/json"
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

// fakeLauncher writes a script that is a launcher: it gets the program and its arguments. It notes each
// call in a file, whose path it returns besides.
func fakeLauncher(t *testing.T, script string) (path, calls string) {
	t.Helper()
	dir := t.TempDir()
	path, calls = filepath.Join(dir, "launch.sh"), filepath.Join(dir, "calls")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho \"$@\" >> "+calls+"\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path, calls
}

// lines of a file; none where it is not there.
func linesOf(path string) []string {
	text, _ := os.ReadFile(path)
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// outcome runs the program in a process of its own.
func outcome(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := ourselves(t, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// result is what a test reads of a line of results.jsonl.
type result struct{ Name, Status, Error string }

func resultsOf(t *testing.T, out string) map[string]result {
	t.Helper()
	found := map[string]result{}
	for _, line := range linesOf(filepath.Join(out, "results.jsonl")) {
		var r result
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		found[r.Name] = r
	}
	return found
}

// A sweep whose runs are jobs comes to what the same sweep comes to in one process.
func TestLauncher(t *testing.T) {
	file, alone, out := tinySweep(t), filepath.Join(t.TempDir(), "alone"), filepath.Join(t.TempDir(), "out")
	if code, _, errs := invoke("sweep", file, "--out", alone); code != 0 {
		t.Fatal(errs)
	}
	script, calls := fakeLauncher(t, `[ "$1" = -n1 ] && shift; echo "a queue is in the way" >&2; exec "$@"`)
	args := []string{"sweep", file, "--out", out, "--jobs", "2", "--launcher", script + "  -n1", "--device", "cpu", "--threads", "1"}
	code, table, errs := outcome(t, args...)
	if code != 0 || !strings.Contains(table, "g      2     0         0") || !strings.Contains(errs, "a queue is in the way") {
		t.Fatalf("exit code %d, %s%s", code, table, errs)
	}
	want, err := os.ReadFile(filepath.Join(alone, "results.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(out, "results.jsonl"))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("found (%v)\n%s\nexpected\n%s", err, got, want)
	}
	said := linesOf(calls)
	if len(said) != 2 || !strings.HasPrefix(said[0], "-n1 ") || !strings.Contains(said[0], " --device=cpu --threads=1 --run g-") {
		t.Errorf("found calls %q, expected two with the flags of the sweep", said)
	}
	if timings := linesOf(filepath.Join(out, "timings.jsonl")); len(timings) != 2 {
		t.Errorf("found timings %q, expected one of each run", timings)
	}
	// All is done: no job is started again, by the launcher or by hand.
	if code, _, errs := outcome(t, args...); code != 0 || len(linesOf(calls)) != 2 {
		t.Errorf("exit code %d, calls %q, %s", code, linesOf(calls), errs)
	}
	if code, _, errs := outcome(t, "sweep", file, "--out", out, "--run", "g-static"); code != 0 || errs != "" {
		t.Errorf("a run that is done: exit code %d, %s", code, errs)
	}
}

// What keeps a launcher from starting jobs is said in one line that names it.
func TestBadLaunchers(t *testing.T) {
	file := tinySweep(t)
	fails, _ := fakeLauncher(t, "echo 'error: invalid partition' >&2; exit 7")
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"missing":  {[]string{"--launcher", "srunn-of-nobody -n1"}, exit.Usage, "--launcher: found no program srunn-of-nobody (executable file not found in $PATH)"},
		"empty":    {[]string{"--launcher", " "}, exit.Usage, "--launcher: found no command"},
		"fails":    {[]string{"--launcher", fails + " -n1"}, exit.Failed, "run g-static: launched by \"" + fails + " -n1\", its job ended before it began: exit status 7: error: invalid partition"},
		"stdin":    {[]string{"--launcher", "env", "--corpus", "-"}, exit.Usage, "corpus: found standard input"},
		"shard":    {[]string{"--shard", "3/2"}, exit.Usage, `--shard: found "3/2"`},
		"no run":   {[]string{"--run", "nobody"}, exit.Usage, `--run: found "nobody"`},
		"nameless": {[]string{"--run", ""}, exit.Usage, "--run: found no name"},
		"both":     {[]string{"--run", "g-static", "--shard", "1/2"}, exit.Usage, "found --run and --shard"},
	} {
		out := filepath.Join(t.TempDir(), "out")
		code, _, errs := outcome(t, append([]string{"sweep", file, "--quiet", "--out", out}, c.args...)...)
		last := errs[strings.LastIndex(strings.TrimSuffix(errs, "\n"), "\n")+1:]
		if code != c.code || !strings.Contains(last, c.want) {
			t.Errorf("%s: exit code %d, %q, expected %d and a last line with %q", name, code, errs, c.code, c.want)
		}
		if _, err := os.Stat(out); c.code == exit.Usage && !os.IsNotExist(err) {
			t.Errorf("%s: found %s written", name, out)
		}
	}
}

// A job that dies is a failed run: the others are made, and the same command tries it again.
func TestJobDies(t *testing.T) {
	file, out := tinySweep(t), filepath.Join(t.TempDir(), "out")
	script, _ := fakeLauncher(t, `case "$*" in *static*) "$@" & sleep 0.5; until [ -s `+out+`/.locks/g-static.job ]; do sleep 0.01; done; kill -9 $!; wait $!; exit 137;; esac; exec "$@"`)
	// The run is long enough to be killed in.
	long := strings.Replace(string(mustRead(t, file)), "max_steps: 6", "max_steps: 600, save_steps: 10", 1)
	if err := os.WriteFile(file, []byte(long), 0o644); err != nil {
		t.Fatal(err)
	}
	code, _, errs := outcome(t, "sweep", file, "--out", out, "--launcher", script)
	found := resultsOf(t, out)
	if code != exit.Failed || found["g-static"].Status != "failed" || !strings.HasPrefix(found["g-static"].Error, "the job ended without a result: exit status 137") || found["g-dynamic"].Status != "done" {
		t.Errorf("exit code %d, results %v, expected 1, g-static failed and g-dynamic done: %s", code, found, errs)
	}
	if code, _, errs := outcome(t, "sweep", file, "--out", out); code != 0 || resultsOf(t, out)["g-static"].Status != "done" {
		t.Errorf("exit code %d, results %v, expected both done: %s", code, resultsOf(t, out), errs)
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// endless is a sweep of two runs that nobody waits for.
func endless(t *testing.T) string {
	t.Helper()
	file := tinySweep(t)
	text := strings.Replace(string(mustRead(t, file)), "max_steps: 6", "max_steps: 1000000, save_steps: 100000, logging_steps: 1", 1)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// A signal to the sweep ends its jobs, which save, whether the launcher becomes the job or waits
// for it.
func TestSignalToJobs(t *testing.T) {
	for how, script := range map[string]string{"exec": `exec "$@"`, "child": `"$@"`} {
		for sent, want := range map[syscall.Signal]int{syscall.SIGTERM: exit.SIGTERM, syscall.SIGUSR1: exit.TryAgain} {
			file, out := endless(t), filepath.Join(t.TempDir(), "out")
			path, calls := fakeLauncher(t, script)
			run := filepath.Join(out, "runs", "g-dynamic")
			cmd, errs := start(t, run, "sweep", file, "--out", out, "--jobs", "2", "--launcher", path)
			awaitMetrics(t, cmd, filepath.Join(out, "runs", "g-static"))
			if err := cmd.Process.Signal(sent); err != nil {
				t.Fatal(err)
			}
			code := waitUntil(t, cmd)
			if code != want || len(linesOf(calls)) != 2 {
				t.Errorf("%s, %v: exit code %d, calls %q, expected %d and two: %s", how, sent, code, linesOf(calls), want, errs)
			}
			for _, name := range []string{"g-static", "g-dynamic"} {
				if found, _, err := checkpoint.Resolve(filepath.Join(out, "runs", name)); err != nil || found.Step < 1 {
					t.Errorf("%s, %v: %s: found checkpoint %+v, error %v", how, sent, name, found, err)
				}
			}
		}
	}
}

// A job that its scheduler ends in time, after saving, ends the sweep with exit code 75.
func TestJobIsStopped(t *testing.T) {
	file, out := endless(t), filepath.Join(t.TempDir(), "out")
	log := filepath.Join(out, "runs", "g-static", "metrics.jsonl")
	path, calls := fakeLauncher(t, `"$@" & until [ -s `+log+` ]; do sleep 0.05; done; kill -USR1 $!; wait $!`)
	code, _, errs := outcome(t, "sweep", file, "--out", out, "--quiet", "--launcher", path)
	if code != exit.TryAgain || len(linesOf(calls)) != 1 || !strings.Contains(errs, "run g-static: its job was stopped after saving (exit code 75)") {
		t.Errorf("exit code %d, calls %q, expected %d, one, and why: %s", code, linesOf(calls), exit.TryAgain, errs)
	}
	if found, _, err := checkpoint.Resolve(filepath.Dir(log)); err != nil || found.Step < 1 {
		t.Errorf("found checkpoint %+v, error %v", found, err)
	}
}

// A sweep that is killed leaves its job, and the next one waits for it: no run is made twice.
func TestKilledBesideJobs(t *testing.T) {
	file, out := tinySweep(t), filepath.Join(t.TempDir(), "out")
	text := strings.Replace(string(mustRead(t, file)), "max_steps: 6", "max_steps: 400, logging_steps: 1", 1)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	path, calls := fakeLauncher(t, `exec "$@"`)
	cmd, _ := start(t, filepath.Join(out, "runs", "g-static"), "sweep", file, "--out", out, "--launcher", path)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	// A process that is alone at its sweep keeps out while the job goes on.
	if code, _, errs := outcome(t, "sweep", file, "--out", out, "--quiet"); code != exit.Usage || strings.Count(errs, "\n") != 1 {
		t.Errorf("exit code %d, %s, expected %d: the folder is in use", code, errs, exit.Usage)
	}
	code, _, errs := outcome(t, "sweep", file, "--out", out, "--launcher", path)
	found := resultsOf(t, out)
	if code != 0 || found["g-static"].Status != "done" || found["g-dynamic"].Status != "done" {
		t.Errorf("exit code %d, results %v, expected both done: %s", code, found, errs)
	}
	if said := linesOf(calls); len(said) != 2 {
		t.Errorf("found calls %q, expected one of each run", said)
	}
	for _, timing := range linesOf(filepath.Join(out, "timings.jsonl")) {
		if !strings.Contains(timing, `"from_step":0,"to_step":400`) {
			t.Errorf("found %s, expected runs that were made once", timing)
		}
	}
}

// waitUntil waits for the end of a process, and returns its exit code.
func waitUntil(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	late := time.AfterFunc(5*time.Minute, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode()
}
