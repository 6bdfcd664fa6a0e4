package metrics

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

// run appends the records of steps from to to, which took their time as speed
// says.
func run(t *testing.T, path string, from, to int64, speed float64) {
	t.Helper()
	log, err := OpenLog(path)
	if err != nil {
		t.Fatal(err)
	}
	for step := from; step <= to; step++ {
		records := []Record{&Train{Step: step, Loss: 1 / float64(step), TokensPerSecond: speed}}
		if step%2 == 0 {
			records = append(records, &Topology{Step: step, Update: step / 2, Pruned: step, Seconds: speed})
		}
		if step%3 == 0 {
			records = append(records, &Eval{Step: step, MLMLoss: 0.1 * float64(step)})
		}
		for _, r := range records {
			if err := log.Write(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Without Log.Close's sync, which thousands of runs would wait for.
	if err := log.file.Close(); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func comparableLines(t *testing.T, path string) (all []string) {
	t.Helper()
	for line := range strings.Lines(content(t, path)) {
		c, err := Comparable([]byte(strings.TrimSuffix(line, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(c))
	}
	return all
}

// A run cut at any byte of its file, and resumed from the newest step whose
// records are all there, ends with the uninterrupted run's file.
func TestResumeAfterAnyCut(t *testing.T) {
	const last = 3
	dir := t.TempDir()
	path := filepath.Join(dir, FileName)
	run(t, path, 1, last, 100)
	want := comparableLines(t, path)
	if len(want) != 3+1+1 {
		t.Fatalf("the run has %d records, want 5", len(want))
	}
	text := content(t, path)
	ends := map[int64]int{} // where the records of a step end
	at := 0
	for line := range strings.Lines(text) {
		r, err := decode([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		at += len(line)
		ends[r.At()] = at
	}
	for cut := range len(text) + 1 {
		var saved int64
		for saved < last && ends[saved+1] <= cut {
			saved++
		}
		oldest := saved
		if cut == ends[saved] && saved > 0 {
			oldest-- // the checkpoint of the step was not saved, its records were
		}
		for step := oldest; step <= saved; step++ {
			if err := os.WriteFile(path, []byte(text[:cut]), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := TruncateAfter(path, step); err != nil {
				t.Fatalf("cut at byte %d, step %d: %v", cut, step, err)
			}
			if got := content(t, path); got != text[:ends[step]] {
				t.Fatalf("cut at byte %d, step %d: %d bytes stay, want %d", cut, step, len(got), ends[step])
			}
			run(t, path, step+1, last, 77)
			if got := comparableLines(t, path); !reflect.DeepEqual(got, want) {
				t.Fatalf("cut at byte %d, step %d: got\n%v\nwant\n%v", cut, step, got, want)
			}
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("the folder holds %d files (%v), want %s alone", len(left), err, FileName)
	}
}

func TestTornLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	run(t, path, 1, 2, 1)
	before, err := Read(path)
	if err != nil || len(before) != 3 {
		t.Fatalf("got %d records, %v", len(before), err)
	}
	// Torn between a whole record and its newline: still not a line.
	if err := os.WriteFile(path, []byte(content(t, path)+lines[1].line), 0o644); err != nil {
		t.Fatal(err)
	}
	if after, err := Read(path); err != nil || !reflect.DeepEqual(after, before) {
		t.Errorf("with a torn line: got %d records, %v; want %d", len(after), err, len(before))
	}
	if _, err := OpenLog(path); !errors.Is(err, ErrTorn) {
		t.Errorf("OpenLog: got %v, want ErrTorn", err)
	}
	if err := TruncateAfter(path, 99); err != nil {
		t.Fatal(err)
	}
	run(t, path, 3, 3, 1)
	if all, err := Read(path); err != nil || len(all) != 5 {
		t.Errorf("mended and continued: got %d records, %v, want 5", len(all), err)
	}
}

func TestMalformedFileIsNamedByLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	text := lines[0].line + "\n" + lines[1].line + "\n{}\n" + lines[2].line + "\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Read(path)
	if !errors.Is(err, ErrMalformed) || !strings.HasPrefix(err.Error(), path+":3: ") {
		t.Errorf("Read: got %v", err)
	}
	if err := TruncateAfter(path, 0); !errors.Is(err, ErrMalformed) || content(t, path) != text {
		t.Errorf("TruncateAfter: got %v, and the file must stay as it is", err)
	}
}

func TestMissingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	if err := TruncateAfter(path, 0); err != nil {
		t.Errorf("TruncateAfter: %v", err)
	}
	if _, err := Read(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Read: got %v", err)
	}
	if _, err := OpenLog(filepath.Join(path, "x")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("OpenLog: got %v", err)
	}
}

// fullDisk takes half of each write while full.
type fullDisk struct {
	*os.File
	full, stuck bool
}

func (d *fullDisk) Write(p []byte) (int, error) {
	if !d.full {
		return d.File.Write(p)
	}
	n, err := d.File.Write(p[:len(p)/2])
	if err != nil {
		return n, err
	}
	return n, syscall.ENOSPC
}

func (d *fullDisk) Truncate(size int64) error {
	if d.stuck {
		return syscall.EIO
	}
	return d.File.Truncate(size)
}

func TestFullDiskLeavesWholeLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	log, err := OpenLog(path)
	if err != nil {
		t.Fatal(err)
	}
	disk := &fullDisk{File: log.file.(*os.File)}
	log.file = disk
	write := func(step int64) error { return log.Write(&Eval{Step: step}) }
	if err := write(1); err != nil {
		t.Fatal(err)
	}
	disk.full = true
	if err := write(2); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("full: got %v, want ENOSPC", err)
	}
	if text := content(t, path); !strings.HasSuffix(text, "}\n") {
		t.Errorf("full: the file ends with a torn line: %q", text)
	}
	disk.full = false
	if err := write(3); err != nil {
		t.Errorf("room again: %v", err)
	}
	disk.full, disk.stuck = true, true
	if err := write(4); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("stuck: got %v, want ENOSPC", err)
	}
	disk.full, disk.stuck = false, false
	if err := write(5); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("after a line that could not be cut back: got %v, want the first error", err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	all, err := Read(path)
	if err != nil || len(all) != 2 || all[0].At() != 1 || all[1].At() != 3 {
		t.Errorf("got %d records, %v; want steps 1 and 3", len(all), err)
	}
}

// A run that goes on drops the log line of a window that is still open, and nothing
// else of the step that it stopped at.
func TestCutToAnOpenWindow(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	log, err := OpenLog(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []Record{&Train{Step: 4}, &Topology{Step: 6}, &Eval{Step: 6}, &Train{Step: 6}, &Eval{Step: 7}} {
		if err := log.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(log.Close(), CutTo(path, 6, 4)); err != nil {
		t.Fatal(err)
	}
	all, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for _, r := range all {
		kept = append(kept, fmt.Sprint(r.Kind(), r.At()))
	}
	if got := strings.Join(kept, " "); got != "train4 topology6 eval6" {
		t.Errorf("found the records %s, expected train4 topology6 eval6", got)
	}
}
