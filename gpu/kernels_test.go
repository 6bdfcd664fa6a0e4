package gpu_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/kernels"
)

// launched counts the launches of each kernel in those tests that compare what
// the backend computes with another device, whose drivers are from simulated.
var launched struct {
	sync.Mutex
	of map[string]int64
}

// notCompared are the kernels that no such test launches, with the reason.
var notCompared = map[string]string{}

// simulated returns a driver whose launches are counted in launched.
func simulated(t *testing.T, o simdriver.Options) *simdriver.Driver {
	d := simdriver.New(o)
	t.Cleanup(func() {
		launched.Lock()
		defer launched.Unlock()
		if launched.of == nil {
			launched.of = map[string]int64{}
		}
		for name, c := range d.Counters() {
			launched.of[name] += c.Launches
		}
	})
	return d
}

// TestMain fails the package when a kernel was not compared with anything: a new
// one needs a test. That shows only when all tests have run.
func TestMain(m *testing.M) {
	code := m.Run()
	whole := !testing.Short()
	flag.Visit(func(f *flag.Flag) { // those that were given
		whole = whole && !slices.Contains([]string{"test.run", "test.skip", "test.list", "test.fuzz", "test.bench", "test.failfast"}, f.Name)
	})
	if code == 0 && whole {
		code = checkLaunched()
	}
	os.Exit(code)
}

func checkLaunched() (code int) {
	names := kernels.Names()
	for _, name := range names {
		reason, excused := notCompared[name]
		switch n := launched.of[name]; {
		case n == 0 && !excused:
			fmt.Printf("kernel %s: found no launch in the tests that compare results, expected one\n", name)
			code = 1
		case n > 0 && excused:
			fmt.Printf("kernel %s: found %d launches, expected none: %s\n", name, n, reason)
			code = 1
		}
	}
	for name := range notCompared {
		if !slices.Contains(names, name) {
			fmt.Printf("kernel %s: not there, expected no excuse for it\n", name)
			code = 1
		}
	}
	return code
}
