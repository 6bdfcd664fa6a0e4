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
	var devices []backendtest.Device
	paths := cpu.Paths()
	if testing.Short() {
		paths = paths[len(paths)-1:] // one instruction set is enough to look for races
	}
	for _, path := range paths {
		o := backendtest.Options{Other: opener(3, path)}
		if testing.Short() {
			o.OneIn = 6 // the tasks are the same, only their sizes differ
		}
		devices = append(devices, backendtest.Device{Name: path.String(), Open: opener(1, path), Options: o})
	}
	backendtest.RunAll(t, devices...)
}
