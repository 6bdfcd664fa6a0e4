//go:build unix

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/exit"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// A path may hold any bytes: a run is made, gone on with and evaluated from its folder.
func TestOddPaths(t *testing.T) {
	for _, name := range []string{"tab\there.txt", "blank.txt ", "caf\xe9.txt", "a: #b.txt", "new\nline.txt"} {
		dir := t.TempDir()
		text, run := filepath.Join(dir, name), filepath.Join(dir, strings.TrimSuffix(name, ".txt")+"-run")
		if err := os.WriteFile(text, []byte(goodText), 0o666); err != nil {
			t.Skipf("the file system takes no %q: %v", name, err)
		}
		args := []string{"-c", text, "--vocab-size", "30", "--save-steps", "3"}
		done(t, quick(run, args...)...)
		c, err := train.ReadRunConfig(run)
		if err != nil || c.OutputDir != run || len(c.Corpus) != 1 || c.Corpus[0] != text {
			t.Errorf("%q: found %q, %q and error %v in config.yaml, expected %q and %q", name, c.OutputDir, c.Corpus, err, run, text)
		}
		if err := os.RemoveAll(filepath.Join(run, "checkpoints", "step-6")); err != nil {
			t.Fatal(err)
		}
		done(t, "train", "--resume", "--quiet", "-o", run)
		done(t, "eval", "--checkpoint", run, "--device", "cpu")
	}
}

// Numbers are decimal in flags, environment and files.
func TestDecimal(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	done(t, quick(run, "--seed", "010", "--max-steps", "02", "--updates", "1")...)
	if c, err := train.ReadRunConfig(run); err != nil || c.Seed != 10 || c.MaxSteps != 2 {
		t.Errorf("found seed %d, %d steps and error %v, expected 10 and 2", c.Seed, c.MaxSteps, err)
	}
	done(t, "train", "--dry-run", "--seed", "08")
	t.Setenv("SPARSEBERT_SEED", "08")
	done(t, "train", "--dry-run")
	t.Setenv("SPARSEBERT_SEED", "0x8")
	if code, _, errs := invoke("train", "--dry-run"); code != exit.Usage || !strings.Contains(errs, `SPARSEBERT_SEED: found "0x8", expected a whole number`) {
		t.Errorf("found exit code %d and %q, expected %d and what is wrong with the variable", code, errs, exit.Usage)
	}
}

// What a run writes, its lock too, is open to those that the umask lets in: a colleague of the
// group may go on with the run.
func TestUmask(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	cmd := ourselves(t, quick(run, "--max-steps", "3", "--updates", "1")...)
	cmd.Args = append([]string{"sh", "-c", `umask 002; exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	err := filepath.WalkDir(run, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o020 == 0 {
			t.Errorf("%s: found mode %v, expected that the group may write", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(run, ".lock")); err != nil {
		t.Error(err)
	}
}
