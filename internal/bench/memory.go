package bench

import (
	"fmt"
	"math"
	"os"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/cost"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// lastLevelCache returns the size in bytes of the largest cache that Linux describes in dir, 64 MiB
// where it describes none.
func lastLevelCache(dir string) int64 {
	most := int64(0)
	for i := range 10 {
		text, err := os.ReadFile(fmt.Sprintf("%s/index%d/size", dir, i))
		if err != nil {
			break
		}
		var n int64
		var unit string
		if _, err := fmt.Sscanf(string(text), "%d%s", &n, &unit); err == nil {
			most = max(most, n<<map[string]int{"K": 10, "M": 20, "G": 30}[unit])
		}
	}
	if most == 0 {
		most = 64 << 20
	}
	return most
}

// enoughForProducts refuses cases that the machine cannot hold, where Linux says in the file meminfo
// how much it can: the kernel would end the process without a word.
func enoughForProducts(cases []Case, o Options, meminfo string) error {
	free := freeMemory(meminfo)
	for _, c := range cases {
		if need := Need(c, 4, o.CacheBytes, !o.NoDense); need > free {
			return usage.Errorf("bench: %d tokens of %dx%d: found %s of memory, expected %s; give fewer tokens or --dense=false",
				c.Tokens, c.In, c.Out, cost.Mebibytes(free), cost.Mebibytes(need))
		}
	}
	return nil
}

// enoughForStep refuses a step that the machine cannot hold.
func enoughForStep(s Step, meminfo string) error {
	e, err := model.EstimateCost(s.Config, s.Options, model.Storage{Param: backend.F32, Activation: backend.F32})
	if err != nil {
		return usage.Mark(fmt.Errorf("bench: %w", err))
	}
	if free := freeMemory(meminfo); e.MemoryBytes > free {
		return usage.Errorf("bench: %d sequences: found %s of memory, expected %s; give a smaller --model or --batch-size",
			s.Options.MicroBatch, cost.Mebibytes(free), cost.Mebibytes(e.MemoryBytes))
	}
	return nil
}

// freeMemory is what Linux says is free, in bytes, as much as can be where it says nothing.
func freeMemory(meminfo string) int64 {
	text, err := os.ReadFile(meminfo)
	if err != nil {
		return math.MaxInt64
	}
	for line := range strings.Lines(string(text)) {
		var kib int64
		if _, err := fmt.Sscanf(line, "MemAvailable: %d kB", &kib); err == nil {
			return kib << 10
		}
	}
	return math.MaxInt64
}
