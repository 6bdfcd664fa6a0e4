package cpu_test

import (
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/internal/backendtest"
)

func opener(threads int, path cpu.Path) func(t *testing.T) backend.Backend {
	return func(t *testing.T) backend.Backend {
		b, err := cpu.New(cpu.Options{Threads: threads, Path: path})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

// Every instruction set passes the suite, on one thread and with the same bits
// on three.
func TestConformance(t *testing.T) {
	paths := cpu.Paths()
	for i, path := range paths {
		t.Run(path.String(), func(t *testing.T) {
			if testing.Short() && i < len(paths)-1 {
				t.Skip("-short: one instruction set is enough to look for races")
			}
			o := backendtest.Options{Other: opener(3, path)}
			if testing.Short() {
				o.OneIn = 6 // the tasks are the same, only their sizes differ
			}
			backendtest.Run(t, opener(1, path), o)
		})
	}
}
