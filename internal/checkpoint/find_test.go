package checkpoint_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
)

// spoil flips a bit in a file of a checkpoint.
func spoil(t testing.TB, path ...string) {
	t.Helper()
	file := filepath.Join(path...)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 4
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestLatestSkipsDamagedOnes(t *testing.T) {
	dir := t.TempDir()
	for _, step := range []int64{5, 100, 20, 9} { // 100 sorts before 20 as text
		save(t, dir, step)
	}
	if err := os.WriteFile(filepath.Join(dir, "step-999.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	latest := func(want int64, skipped ...string) {
		t.Helper()
		c, skip, err := checkpoint.Latest(dir)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range skip {
			got = append(got, filepath.Base(s.Path))
			if !errors.Is(s.Err, checkpoint.ErrCorrupt) {
				t.Errorf("%s skipped for %v", s.Path, s.Err)
			}
		}
		if c.Step != want || !slices.Equal(got, skipped) {
			t.Errorf("got step %d, skipped %v; want %d, %v", c.Step, got, want, skipped)
		}
	}
	latest(100)
	spoil(t, dir, "step-100", "model.safetensors")
	latest(20, "step-100")
	spoil(t, dir, "step-20", "trainer.json")
	latest(9, "step-100", "step-20")
	if err := os.Mkdir(filepath.Join(dir, "step-50"), 0o755); err != nil {
		t.Fatal(err)
	}
	latest(9, "step-100", "step-50", "step-20")
	spoil(t, dir, "step-9", "optimizer.safetensors")
	spoil(t, dir, "step-5", "optimizer.safetensors")
	_, skip, err := checkpoint.Latest(dir)
	if !errors.Is(err, checkpoint.ErrNone) || len(skip) != 5 || !strings.Contains(err.Error(), "step-100") || strings.Contains(err.Error(), "\n") {
		t.Errorf("none good: got %v, skipped %d", err, len(skip))
	}
}

func TestLatestOfNothing(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := checkpoint.Latest(dir); !errors.Is(err, checkpoint.ErrNone) {
		t.Errorf("empty folder: got %v, want ErrNone", err)
	}
	if _, _, err := checkpoint.Latest(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: got %v, want ErrNotExist", err)
	}
}

func TestResolve(t *testing.T) {
	run := t.TempDir()
	dir := filepath.Join(run, checkpoint.FolderName)
	save(t, dir, 1)
	newest := save(t, dir, 2)
	if err := os.MkdirAll(filepath.Join(run, "step-8"), 0o755); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(run, "mine")
	if err := os.CopyFS(copied, os.DirFS(newest)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{run, dir, newest, copied, newest + "/", filepath.Join(newest, "..", "step-2")} {
		if c, _, err := checkpoint.Resolve(path); err != nil || c.Step != 2 {
			t.Errorf("%s: got %+v, %v", path, c, err)
		}
	}
	t.Chdir(newest)
	if c, _, err := checkpoint.Resolve("."); err != nil || c.Step != 2 {
		t.Errorf("the working folder: got %+v, %v", c, err)
	}
	for path, want := range map[string]error{
		t.TempDir():                           checkpoint.ErrNone,
		filepath.Join(newest, "trainer.json"): checkpoint.ErrNone,
		filepath.Join(run, "step-8"):          checkpoint.ErrCorrupt,
		filepath.Join(run, "nothing"):         checkpoint.ErrNone,
	} {
		if _, _, err := checkpoint.Resolve(path); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", path, err, want)
		}
	}
}

func TestPrune(t *testing.T) {
	fill := func(damaged ...string) string {
		dir := t.TempDir()
		for step := range int64(5) {
			save(t, dir, step+8)
		}
		for _, name := range damaged {
			spoil(t, dir, name, "trainer.json")
		}
		return dir
	}
	cases := []struct {
		keep    int
		damaged []string
		want    []string
	}{
		{9, nil, []string{"step-10", "step-11", "step-12", "step-8", "step-9"}},
		{5, nil, []string{"step-10", "step-11", "step-12", "step-8", "step-9"}},
		{2, nil, []string{"step-11", "step-12"}},
		{1, nil, []string{"step-12"}},
		{2, []string{"step-12"}, []string{"step-11", "step-12"}},
		{1, []string{"step-12"}, []string{"step-11", "step-12"}},
		{2, []string{"step-12", "step-11", "step-10"}, []string{"step-11", "step-12", "step-9"}},
		{1, []string{"step-12", "step-11", "step-10", "step-9", "step-8"}, []string{"step-10", "step-11", "step-12", "step-8", "step-9"}},
	}
	for _, c := range cases {
		dir := fill(c.damaged...)
		if err := checkpoint.Prune(checkpoint.OS{}, dir, c.keep); err != nil {
			t.Fatal(err)
		}
		if got := names(t, dir); !slices.Equal(got, c.want) {
			t.Errorf("keep %d with %v damaged: got %v, want %v", c.keep, c.damaged, got, c.want)
		}
	}
	if err := checkpoint.Prune(checkpoint.OS{}, fill(), 0); err == nil {
		t.Error("keep 0: got no error")
	}
}

func TestKeepStep(t *testing.T) {
	dir := t.TempDir()
	for step := range int64(3) {
		save(t, dir, step+8)
	}
	if err := checkpoint.KeepStep(checkpoint.OS{}, dir, 9); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, dir), []string{"step-9"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	save(t, dir, 10)
	spoil(t, dir, "step-10", "trainer.json")
	if err := checkpoint.KeepStep(checkpoint.OS{}, dir, 10); !errors.Is(err, checkpoint.ErrCorrupt) {
		t.Errorf("a damaged one to keep: got %v, want ErrCorrupt", err)
	}
	if got, want := names(t, dir), []string{"step-10", "step-9"}; !slices.Equal(got, want) {
		t.Errorf("a damaged one to keep: got %v, want %v", got, want)
	}
}

func TestCleanup(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, 1)
	whole := save(t, dir, 2)
	for from, to := range map[string]string{"step-1": ".replaced-step-1"} {
		if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(filepath.Join(dir, ".replaced-step-2"), os.DirFS(whole)); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, ".tmp-step-3-4711"), os.DirFS(whole)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := checkpoint.Cleanup(checkpoint.OS{}, dir); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, dir), []string{"notes.txt", "step-1", "step-2"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if err := checkpoint.Cleanup(checkpoint.OS{}, filepath.Join(dir, "none")); err != nil {
		t.Errorf("no folder: %v", err)
	}
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	first, err := checkpoint.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := checkpoint.Lock(dir); !errors.Is(err, checkpoint.ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("second lock: got %v, want ErrInUse", err)
	}
	if err := first.Unlock(); err != nil {
		t.Fatal(err)
	}
	again, err := checkpoint.Lock(dir)
	if err != nil {
		t.Fatalf("after Unlock: %v", err)
	}
	if err := again.Unlock(); err != nil {
		t.Fatal(err)
	}
	if _, err := checkpoint.Lock(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: got %v", err)
	}
}
