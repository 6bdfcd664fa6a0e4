package sweep

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/train"
)

func TestParseShard(t *testing.T) {
	for text, want := range map[string]Shard{"1/1": {1, 1}, "2/3": {2, 3}, "10000/10000": {10000, 10000}} {
		if got, err := ParseShard(text); err != nil || got != want {
			t.Errorf("%s: found %v and %v, expected %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "1", "/", "1/", "/2", "0/2", "3/2", "-1/2", "1/2/3", " 1/2", "+1/2", "1/10001", "1/99999999999999999999", "a/b"} {
		if _, err := ParseShard(text); !train.IsUsage(err) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), fmt.Sprintf("found %q", text)) {
			t.Errorf("%q: found %v, expected a usage error of one line that names it", text, err)
		}
	}
}

func FuzzParseShard(f *testing.F) {
	for _, text := range []string{"1/2", "2/2", "0/1", "1/", "/", "1/10000", "1/10001"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseShard(text)
		if err == nil && (s.Index < 1 || s.Index > s.Of || s.Of > maxRuns) {
			t.Errorf("%q: found %v", text, s)
		}
	})
}

// Each run belongs to one shard, which begins with it.
func TestShardOrder(t *testing.T) {
	runs := make([]*Run, 7)
	for i := range runs {
		runs[i] = &Run{Name: fmt.Sprint(i)}
	}
	for part, want := range map[string]string{"1/3": "0361245", "2/3": "1402356", "3/3": "2501346"} {
		s, err := ParseShard(part)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, r := range s.inOrder(runs) {
			got += r.Name
		}
		if got != want {
			t.Errorf("%s: found order %s, expected %s", part, got, want)
		}
	}
}

// Two shards at one folder make each run once, and come to what one process comes to.
func TestTwoShards(t *testing.T) {
	file, alone := smallSweep(t), filepath.Join(t.TempDir(), "alone")
	if err := newSweep(t, file, alone, 1, &quiet{}).Do(context.Background()); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	watches, sweeps := []*quiet{{}, {}}, []*Sweep{}
	for i, watch := range watches {
		s := newSweep(t, file, out, 1, watch)
		s.Shard = Shard{i + 1, 2}
		sweeps = append(sweeps, s)
	}
	var both sync.WaitGroup
	for _, s := range sweeps {
		both.Go(func() {
			if err := s.Do(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	made := slices.Concat(watches[0].made, watches[1].made)
	slices.Sort(made)
	if len(made) != 9 || len(slices.Compact(made)) != 9 {
		t.Errorf("found %v and %v made, expected each of 9 runs once", watches[0].made, watches[1].made)
	}
	if len(watches[0].made) == 0 || len(watches[1].made) == 0 {
		t.Errorf("found %d and %d runs made, expected some of each", len(watches[0].made), len(watches[1].made))
	}
	if got, want := read(t, out, ResultsName), read(t, alone, ResultsName); got != want {
		t.Errorf("found\n%s\nexpected\n%s", got, want)
	}
	// A sweep without a shard finds all of it done.
	again := &quiet{}
	if err := newSweep(t, file, out, 1, again).Do(context.Background()); err != nil || len(again.made) > 0 || len(again.skipped) != 9 {
		t.Errorf("found %v made again, %d passed over (%v), expected none and 9", again.made, len(again.skipped), err)
	}
}

// Of two shards one is killed again and again: the other goes on, and nothing is lost.
func TestShardKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: kills are looked at without the race detector")
	}
	file, alone := smallSweep(t), filepath.Join(t.TempDir(), "alone")
	began := time.Now()
	if cmd := spawn(t, file, alone, 1); cmd.Wait() != nil {
		t.Fatal(cmd.Stderr)
	}
	whole := time.Since(began)
	want := read(t, alone, ResultsName)
	random := rand.New(rand.NewPCG(5, 6))
	killed := 0
	for range 4 {
		out := filepath.Join(t.TempDir(), fmt.Sprint("out", killed))
		other := spawnShard(t, file, out, 1, "2/2")
		for range 4 {
			if !killOnce(t, spawnShard(t, file, out, 1, "1/2"), time.Duration(random.Int64N(int64(whole)/4)+1)) {
				break
			}
			killed++
		}
		if other.Wait() != nil {
			t.Fatal(other.Stderr)
		}
		// It may have left a run to the one that was killed then.
		if cmd := spawnShard(t, file, out, 1, "2/2"); cmd.Wait() != nil {
			t.Fatal(cmd.Stderr)
		}
		compareSweeps(t, fmt.Sprintf("%d kills", killed), out, alone, want)
	}
	if killed < 4 {
		t.Errorf("found %d kills, expected at least 4", killed)
	}
}

// A process that is alone at its sweep, and one with another file, keep out while shards are at it.
func TestBesideShards(t *testing.T) {
	file, out := smallSweep(t), filepath.Join(t.TempDir(), "out")
	first := newSweep(t, file, out, 1, &quiet{})
	first.Shard = Shard{1, 2}
	leave, err := first.begin()
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	if err := newSweep(t, file, out, 1, &quiet{}).Do(context.Background()); !errors.Is(err, checkpoint.ErrInUse) {
		t.Errorf("alone: found %v, expected that the folder is in use", err)
	}
	text := read(t, file) + "# another\n"
	other := filepath.Join(filepath.Dir(file), "other.yaml")
	if err := os.WriteFile(other, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	second := newSweep(t, other, out, 1, &quiet{})
	second.Shard = Shard{2, 2}
	if err := second.Do(context.Background()); !train.IsUsage(err) || !strings.Contains(err.Error(), "sweep.yaml: found another file") || strings.Contains(err.Error(), "\n") {
		t.Errorf("another file: found %v, expected a usage error of one line", err)
	}
	if read(t, out, fileName) != read(t, file) {
		t.Error("found sweep.yaml changed, expected it to stay")
	}
	// And a shard keeps out of one that is alone.
	lonely := filepath.Join(t.TempDir(), "lonely")
	if err := os.Mkdir(lonely, 0o777); err != nil {
		t.Fatal(err)
	}
	lock, err := checkpoint.Lock(lonely)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	third := newSweep(t, file, lonely, 1, &quiet{})
	third.Shard = Shard{1, 1}
	if err := third.Do(context.Background()); !errors.Is(err, checkpoint.ErrInUse) {
		t.Errorf("beside one alone: found %v, expected that the folder is in use", err)
	}
}

// What failed before is tried again by one process, and a run that others are at is left to them.
func TestShardLeavesRuns(t *testing.T) {
	file, out := smallSweep(t), filepath.Join(t.TempDir(), "out")
	s := newSweep(t, file, out, 1, &quiet{})
	s.Shard = Shard{1, 2}
	leave, err := s.begin()
	if err != nil {
		t.Fatal(err)
	}
	held := s.named("dynamic-s0.5-random")
	c, ok, err := s.claim(held)
	if err != nil || !ok {
		t.Fatalf("found %v, %v", ok, err)
	}
	watch := &quiet{}
	other := newSweep(t, file, out, 1, watch)
	other.Shard = Shard{2, 2}
	if err := other.Do(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(watch.made) != 8 || slices.Contains(watch.made, held.Name) || len(watch.warned) == 0 || !strings.Contains(watch.warned[len(watch.warned)-1], "other processes are at 1 of 9 runs") {
		t.Errorf("found %v made, %q said, expected 8 runs without %s and that it is elsewhere", watch.made, watch.warned, held.Name)
	}
	if err := errors.Join(c.release(), leave()); err != nil {
		t.Fatal(err)
	}
	last := &quiet{}
	if err := newSweep(t, file, out, 1, last).Do(context.Background()); err != nil || !slices.Equal(last.made, []string{held.Name}) {
		t.Errorf("found %v made (%v), expected %s", last.made, err, held.Name)
	}
}
