package sweep

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// standings lists a sweep as "NAME STATE DONE/STEPS", and sees that this changes
// nothing in its folder, not even for a moment.
func standings(t *testing.T, file, out string) []string {
	t.Helper()
	before := touched(t, out)
	all, err := newSweep(t, file, out, 1, nil).Progress()
	if err != nil {
		t.Fatal(err)
	}
	if after := touched(t, out); !slices.Equal(before, after) {
		t.Errorf("found files\n%s\nexpected those of before\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
	var lines []string
	for _, r := range all {
		lines = append(lines, fmt.Sprintf("%s %s %d/%d", r.Run.Name, r.State, r.Done, r.Steps))
		if (r.MLMLoss != nil) != (r.State == Done) {
			t.Errorf("%s: found loss %v of a run that is %s", r.Run.Name, r.MLMLoss, r.State)
		}
	}
	return lines
}

// touched lists what is below a folder, with the times of the last change: a
// file that comes and goes changes that of its folder.
func touched(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			all = append(all, fmt.Sprint(path, info.Size(), info.ModTime().UnixNano()))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func expectLines(t *testing.T, what string, found []string, expected ...string) {
	t.Helper()
	if !slices.Equal(found, expected) {
		t.Errorf("%s: found\n%s\nexpected\n%s", what, strings.Join(found, "\n"), strings.Join(expected, "\n"))
	}
}

// A sweep is listed while its folder and that of a run are locked and the run is
// half way, with the last line of its metrics torn and without the text.
func TestProgressOfARunningSweep(t *testing.T) {
	file, out := smallSweep(t), filepath.Join(t.TempDir(), "out")
	left := []string{
		"dynamic-s0.5-random to do 0/12", "dynamic-s0.5-gradient to do 0/12", "dynamic-s0.75-random to do 0/12", "dynamic-s0.75-gradient to do 0/12",
	}
	expectLines(t, "before the sweep", standings(t, file, out), append([]string{
		"dense-seed3-lr0.0003 to do 0/12", "dense-seed3-lr0.003 to do 0/12", "dense-seed3-lr0.03 to do 0/12", "dense-seed1 waits for a learning rate 0/12", "dense-seed2 waits for a learning rate 0/12"}, left...)...)

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	if err := newSweep(t, file, out, 1, &quiet{stopAt: 12 + 8, stop: stop}).Do(ctx); !errors.Is(err, train.ErrStopped) {
		t.Fatal(err)
	}
	half := filepath.Join(out, RunsName, "dense-seed3-lr0.003")
	for _, dir := range []string{out, half} {
		lock, err := checkpoint.Lock(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer lock.Unlock()
	}
	f, err := os.OpenFile(filepath.Join(half, metrics.FileName), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"kind":"train","step":10,"lo`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	// A run that has its folder and has written nothing.
	if err := os.MkdirAll(filepath.Join(out, RunsName, "dense-seed3-lr0.03"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(out, RunsName, "dense-seed3-lr0.03", checkpoint.LockName), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(filepath.Dir(file), "text.txt")); err != nil {
		t.Fatal(err)
	}
	// The run's folder is locked and says that it was stopped; then as it says while
	// the run goes on.
	expectLines(t, "stopped", standings(t, file, out)[1:2], "dense-seed3-lr0.003 stopped 8/12")
	stopped := read(t, half, train.StatusName)
	running := strings.ReplaceAll(stopped, `"state": "stopped"`, `"state": "running"`)
	if err := os.WriteFile(filepath.Join(half, train.StatusName), []byte(running), 0o644); err != nil {
		t.Fatal(err)
	}
	expectLines(t, "under way", standings(t, file, out), append([]string{
		"dense-seed3-lr0.0003 done 12/12", "dense-seed3-lr0.003 running 8/12", "dense-seed3-lr0.03 to do 0/12", "dense-seed1 waits for a learning rate 0/12", "dense-seed2 waits for a learning rate 0/12"}, left...)...)

	// What the sweep would refuse is refused here too.
	text := read(t, file)
	for name, c := range map[string]struct{ from, to, want string }{
		"layers":  {"layers: 1", "layers: 2", "run dense-seed3-lr0.0003: layers: found 2, expected 1"},
		"updates": {"{updates: 4,", "{updates: 40,", "run dynamic-s0.5-random: updates: "},
		"waiting": {"{seed: [1, 2]}", "{block_size: [8, 3], seed: [1]}", "run dense-b3-seed2-lr0.0003: "},
	} {
		bad := filepath.Join(filepath.Dir(file), name+".yaml")
		changed := strings.Replace(text, c.from, c.to, 1)
		if name == "waiting" {
			changed = strings.Replace(changed, "method: dense", "method: static", 1)
		}
		if err := os.WriteFile(bad, []byte(changed), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := newSweep(t, bad, out, 1, nil).Progress()
		if err == nil || !train.IsUsage(err) || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: found %v, expected a usage error that begins with %q", name, err, c.want)
		}
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "thesis.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := newSweep(t, file, other, 1, nil).Progress(); !train.IsUsage(err) || !strings.Contains(err.Error(), "thesis.txt") {
		t.Errorf("found %v, expected a usage error on a folder that is no sweep's", err)
	}
}

// Finished runs are as their results say; a chosen learning rate is waited for no
// more.
func TestProgressOfAFinishedSweep(t *testing.T) {
	file, out := smallSweep(t), filepath.Join(t.TempDir(), "out")
	if err := newSweep(t, file, out, 2, &quiet{}).Do(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(out, RunsName, "dense-seed2")); err != nil {
		t.Fatal(err)
	}
	var results []string
	for line := range strings.Lines(read(t, out, ResultsName)) {
		switch {
		case strings.Contains(line, `"dynamic-s0.5-random"`):
			line = strings.NewReplacer(`"status":"done"`, `"status":"failed"`, `"steps":12`, `"steps":4`).Replace(line)
		case strings.Contains(line, `"dynamic-s0.5-gradient"`):
			line = strings.NewReplacer(`"status":"done"`, `"status":"diverged"`, `"steps":12`, `"steps":7`).Replace(line)
		}
		if before, after, ok := strings.Cut(line, `"mlm_loss":`); ok && !strings.Contains(line, `"done"`) {
			_, rest, _ := strings.Cut(after, ",")
			line = before + `"mlm_loss":null,` + rest
		}
		results = append(results, line)
	}
	if err := os.WriteFile(filepath.Join(out, ResultsName), []byte(strings.Join(results, "")), 0o644); err != nil {
		t.Fatal(err)
	}
	expectLines(t, "finished", standings(t, file, out),
		"dense-seed3-lr0.0003 done 12/12", "dense-seed3-lr0.003 done 12/12", "dense-seed3-lr0.03 done 12/12", "dense-seed1 done 12/12", "dense-seed2 to do 0/12",
		"dynamic-s0.5-random failed 4/12", "dynamic-s0.5-gradient diverged 7/12", "dynamic-s0.75-random done 12/12", "dynamic-s0.75-gradient done 12/12")

	// The steps of runs that count in epochs are known once the text has been read.
	epochs := filepath.Join(filepath.Dir(file), "epochs.yaml")
	text := strings.Replace(read(t, file), "max_steps: 12", "epochs: 0.1", 1)
	if err := os.WriteFile(epochs, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if found := standings(t, epochs, filepath.Join(t.TempDir(), "out")); found[0] != "dense-seed3-lr0.0003 to do 0/0" || found[4] != "dense-seed2 waits for a learning rate 0/0" {
		t.Errorf("found %q, expected no number of steps", found)
	}
	damaged := filepath.Join(out, RunsName, "dynamic-s0.75-random", metrics.FileName)
	for _, path := range []string{damaged, filepath.Join(out, ResultsName)} {
		content := "{}\n"
		if path != damaged {
			content = ""
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := newSweep(t, file, out, 1, nil).Progress(); !train.IsUsage(err) || !strings.HasPrefix(err.Error(), "run dynamic-s0.75-random: "+damaged+":1: ") {
		t.Errorf("found %v, expected a usage error that names the line of the run's metrics", err)
	}
}

// Asked again and again, a sweep in another process is listed and not disturbed.
func TestProgressDoesNotDisturb(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: other processes are looked at without the race detector")
	}
	file, out := smallSweep(t), filepath.Join(t.TempDir(), "out")
	cmd := spawn(t, file, out, 2)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	asked, most := 0, map[string]int64{}
	for done := false; !done; {
		select {
		case err := <-ended:
			if done = true; err != nil {
				t.Fatalf("%v: %s", err, cmd.Stderr)
			}
		default:
		}
		all, err := newSweep(t, file, out, 1, nil).Progress()
		if err != nil {
			if !done {
				cmd.Process.Kill()
				<-ended
			}
			t.Fatalf("asked %d times: %v", asked, err)
		}
		asked++
		for _, r := range all {
			if r.Steps != 12 || r.Done < most[r.Run.Name] || r.Done > 12 || done && r.State != Done {
				t.Errorf("found %s %s at step %d of %d after step %d", r.Run.Name, r.State, r.Done, r.Steps, most[r.Run.Name])
			}
			most[r.Run.Name] = r.Done
		}
	}
	t.Logf("asked %d times", asked)
}
