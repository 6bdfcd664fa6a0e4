package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/exit"
)

// fullDisk is a file on a disk without room.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// What goes nowhere is no success, unless the work is worth more than its words.
func TestOutputThatCannotBeWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	for _, of := range []struct {
		args []string
		code int
	}{
		{quick(dir, "--final-eval-batches", "1"), exit.Done},
		{[]string{"inspect", "--checkpoint", dir}, exit.Failed},
		{[]string{"verify", "--device", "cpu", "--block-size", "64"}, exit.Failed},
		{[]string{"bench", "--device", "cpu", "--shape", "64x64", "--tokens", "16", "--repeats", "1"}, exit.Failed},
		{[]string{"flops", "--help"}, exit.Failed},
		{[]string{"--version"}, exit.Failed},
	} {
		var errs bytes.Buffer
		code := run(context.Background(), append([]string{"sparsebert-gpu"}, of.args...), fullDisk{}, &errs)
		if code != of.code {
			t.Errorf("%v: found exit code %d, %s, expected %d", of.args[0], code, &errs, of.code)
		}
		if code == exit.Failed && (strings.Count(errs.String(), "\n") != 1 || !strings.Contains(errs.String(), "no space left")) {
			t.Errorf("%v: found %q, expected one line that says why", of.args[0], &errs)
		}
	}
}

// A folder that holds no checkpoints is named for what it is.
func TestFoldersThatAreNoCheckpoint(t *testing.T) {
	in := newInputs(t)
	hf, sweep := in.folder("hf"), in.folder("sweep")
	in.file("hf/config.json", "{}")
	one := filepath.Join(sweep, "runs", "one")
	if err := os.MkdirAll(filepath.Join(one, "checkpoints"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"eval"}, {"inspect"}, {"export", "--output-dir", "@"}, {"train", "--output-dir", "@", "--continue-from"}} {
		for folder, says := range map[string][]string{
			hf:                           {"a Hugging Face folder", "`import` makes one of it"},
			sweep:                        {"a folder of runs", "such as " + one},
			filepath.Join(sweep, "runs"): {"a folder of runs", "such as " + one},
			in.dir:                       {"no step-N folder"},
		} {
			args := append(command[:len(command):len(command)], folder)
			if command[0] != "train" {
				args = append(command[:len(command):len(command)], "--checkpoint", folder)
			}
			badInput{args: args, says: append(says, "no usable checkpoint")}.check(t)
		}
	}
}

// Files of a run folder that were emptied or overwritten are named, and nothing is changed.
func TestDamagedRunFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	done(t, quick(dir, "--final-eval-batches", "1")...)
	page := filepath.Join(t.TempDir(), "page.html")
	for _, of := range []struct{ name, content, says string }{
		{"metrics.jsonl", "{\"kind\":\"trai\n", "metrics.jsonl:1: malformed metrics"},
		{"config.yaml", "", "config.yaml: found an empty file, expected the configuration that the run wrote"},
	} {
		path := filepath.Join(dir, of.name)
		was := read(t, path)
		if err := os.WriteFile(path, []byte(of.content), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"train", "--resume", "--output-dir", dir}, {"report", dir, "--out", page, "--no-figures"}} {
			code, _, errs := invoke(args...)
			if code != exit.Usage || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, of.says) {
				t.Errorf("%s, %s: found exit code %d, %q, expected %d and %s", of.name, args[0], code, errs, exit.Usage, of.says)
			}
			if now := read(t, path); string(now) != of.content {
				t.Errorf("%s, %s: found %q, expected it as it was", of.name, args[0], now)
			}
		}
		if err := os.WriteFile(path, was, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// Where a page cannot be written is said before it is made.
	for _, flags := range [][]string{{"--out", "/proc/none.html"}, {"--out", page, "--figures", "/proc/none"}} {
		if _, err := os.Stat("/proc/self"); err != nil {
			t.Skip("no /proc")
		}
		badInput{args: append([]string{"report", dir}, flags...), says: []string{"/proc not writable"}}.check(t)
	}
	if _, err := os.Stat(page); !os.IsNotExist(err) {
		t.Errorf("found a page, or %v, expected none", err)
	}
}

// A sweep that was given no folder reads none: not the results of the working folder.
func TestSweepWithoutFolder(t *testing.T) {
	file := tinySweep(t)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("results.jsonl", []byte("no result\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("runs/g-static", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("runs/g-static/config.yaml", []byte("model: large\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"--dry-run", "--list"} {
		if code, _, errs := invoke("sweep", file, flag); code != exit.Done || errs != "" {
			t.Errorf("%s: found exit code %d, %s, expected the sweep's own account", flag, code, errs)
		}
	}
}

// A dry run of several processes makes the checks that these make, and counts their micro-batches.
func TestDryRunOfProcesses(t *testing.T) {
	for flags, says := range map[string]string{
		"--processes=3":              "processes: found 3, expected a power of two",
		"--processes=65":             "processes: found 65, expected at most 64",
		"--processes=8":              "gradient_accumulation_steps: found 1, expected a multiple of replicas 8",
		"--processes=4 --replicas=2": "replicas: found 2 for 4 processes",
	} {
		badInput{args: quick("@", append(strings.Fields(flags), "--dry-run")...), says: []string{says}}.check(t)
	}
	if out := done(t, quick("none", "--processes=2", "--dry-run")...); !strings.Contains(out, "MICRO-BATCHES OF 2 ") {
		t.Errorf("found %s, expected micro-batches of 4 cut into two", out)
	}
}

// What a shell makes of a variable that is not set is no value, unless it takes one back.
func TestEmptyTexts(t *testing.T) {
	in := newInputs(t)
	for flag, args := range map[string][]string{
		"--init-from":  quick("@", "--dry-run"),
		"--output-dir": quick("@", "--dry-run"),
		"--config":     quick("@", "--dry-run"),
		"--max-time":   quick("@", "--dry-run"),
		"--vocab":      {"prepare", "--corpus", in.file("good.txt", goodText), "--out", "@", "--vocab-size", "30"},
		"--png":        {"inspect", "--checkpoint", "@"},
	} {
		badInput{args: append(args, flag, ""), says: []string{flag + ": found an empty text, expected a value"}}.check(t)
	}
	file := in.file("c.yaml", "vocab: none.txt\n")
	done(t, quick(in.none("run"), "--dry-run", "--config", file, "--vocab", "")...)
	t.Setenv("SPARSEBERT_INIT_FROM", "none")
	done(t, quick(in.none("run"), "--dry-run", "--init-from", "")...)
	t.Setenv("SPARSEBERT_INIT_FROM", "")
	done(t, quick(in.none("run"), "--dry-run")...)
}

// Values that no setting can have are named by the flag that was given.
func TestFlagsThatMeanNothing(t *testing.T) {
	in := newInputs(t)
	text := in.file("good.txt", goodText)
	for _, b := range []badInput{
		{"small vocabulary", []string{"prepare", "--corpus", text, "--out", "@", "--vocab-size", "10"}, []string{"--vocab-size: found 10, expected 16 to 1048576"}},
		{"small vocabulary file", []string{"prepare", "--corpus", text, "--out", "@", "--vocab", in.file("v.txt", goodVocab)}, []string{"v.txt with 6 tokens, expected at least 16"}},
		{"format, prepare", []string{"prepare", "--corpus", text, "--out", "@", "--corpus-format", "csv"}, []string{"sparsebert-gpu: corpus_format: found \"csv\", expected one of auto,"}},
		{"format, eval", []string{"eval", "--checkpoint", "none", "--corpus-format", "csv"}, []string{"sparsebert-gpu: corpus_format: found \"csv\", expected one of auto,"}},
		{"no list", []string{"verify", "--block-size", "16,32"}, []string{"--block-size: found \"16,32\", expected a whole number"}},
		{"epochs", []string{"train", "--epochs", "1000000", "--batch-size", "1", "--output-dir", "@"}, []string{"epochs: found 1000000, which are ", "expected at most 2147483648 steps"}},
		{"next to nothing", quick("@", "--learning-rate", "1e-400"), []string{"--learning-rate: found \"1e-400\", expected a number"}},
	} {
		t.Run(b.name, func(t *testing.T) { b.check(t) })
	}
}

// A vocabulary may come through a pipe, which can be read once.
func TestVocabularyThroughAPipe(t *testing.T) {
	in := newInputs(t)
	text, pipe := in.file("good.txt", goodText), in.none("pipe")
	if err := exec.Command("mkfifo", pipe).Run(); err != nil {
		t.Skipf("mkfifo: %v", err)
	}
	vocab := goodVocab + "cat\ndog\nran\nsat\naway\n.\n##a\n##b\n##c\n##d\n"
	go func() { _ = os.WriteFile(pipe, []byte(vocab), 0) }() // what is missing is found below
	if out := done(t, "prepare", "--corpus", text, "--vocab", pipe, "--quiet", "--out", in.none("shards")); !strings.Contains(out, "vocabulary 16;") {
		t.Errorf("found %s, expected the 16 tokens of the pipe", out)
	}
}
