package train

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
)

func TestParseMaxTime(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"23h50m": 23*time.Hour + 50*time.Minute, "90m": 90 * time.Minute, "1.5h": 90 * time.Minute, "11:50:00": 11*time.Hour + 50*time.Minute,
		"1-12:00:00": 36 * time.Hour, "0:0:30": 30 * time.Second, "100:00:08": 100*time.Hour + 8*time.Second, "90": 90 * time.Second, "1.5": 1500 * time.Millisecond,
	} {
		if got, err := parseMaxTime(text); err != nil || got != want {
			t.Errorf("%q: found %v and error %v, expected %v", text, got, err, want)
		}
	}
	for _, text := range []string{"0", "0s", "-5", "5 m", "-1h", "1:00", "1:60:00", "one hour", "00:00:00", "1-00", "99999999999h"} {
		if got, err := parseMaxTime(text); !IsUsage(err) {
			t.Errorf("%q: found %v and error %v, expected an error of usage", text, got, err)
		}
	}
}

// FuzzMaxTime looks for texts that are taken for a time that is none.
func FuzzMaxTime(f *testing.F) {
	for _, text := range []string{"23h50m", "1-12:00:00", "11:50:00", "::", "1e9h", "-1-1:1:1", "9999-9999:59:59"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := parseMaxTime(text); (err == nil) != (d > 0) || err != nil && !IsUsage(err) {
			t.Fatalf("%q: found %v and error %v, expected a time above 0 or an error of usage", text, d, err)
		}
	})
}

// A run whose time is over has finished a step and is saved; it goes on as one that was
// stopped.
func TestMaxTime(t *testing.T) {
	c := DefaultConfig()
	c.Layers, c.Hidden, c.Heads, c.FFN, c.SeqLen, c.BatchSize = 1, 32, 2, 64, 16, 2
	c.BlockSize, c.Updates, c.Device, c.FinalBatches, c.MaxSteps = 8, 1, "cpu", 1, 1000000
	c.OutputDir = filepath.Join(t.TempDir(), "run")
	open := func(string, string, int) (backend.Backend, error) { return cpu.New(cpu.Options{Threads: 1}) }
	var err error
	for limit := 100 * time.Millisecond; limit < time.Minute; limit *= 2 { // the data takes some of it
		c.MaxTime = limit.String()
		if _, err = Run(t.Context(), c, open, nil); errors.Is(err, ErrStopped) {
			break
		}
	}
	if !errors.Is(err, ErrTimeUp) || !errors.Is(err, ErrStopped) {
		t.Fatalf("found error %v, expected one of a run that was stopped as its time was over", err)
	}
	found, _, err := checkpoint.Resolve(c.OutputDir)
	if err != nil || found.Step < 1 {
		t.Errorf("found checkpoint %+v and error %v, expected one", found, err)
	}
	was, err := ReadRunConfig(c.OutputDir)
	if err != nil || was.MaxTime != "" {
		t.Errorf("found max_time %q and error %v in config.yaml, expected none: it is of the process", was.MaxTime, err)
	}
	c.MaxTime = "soon"
	c.OutputDir = filepath.Join(t.TempDir(), "other")
	if _, err := Run(t.Context(), c, open, nil); !IsUsage(err) {
		t.Errorf("found error %v, expected one of usage", err)
	}
}
