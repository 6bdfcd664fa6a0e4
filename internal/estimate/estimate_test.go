package estimate_test

import (
	"testing"

	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/estimate"
)

// Occupancies as NVIDIA's calculator gives them.
func TestResident(t *testing.T) {
	g, _ := estimate.Find("h100")
	for _, c := range []struct{ threads, registers, shared, want int }{
		{1024, 32, 0, 2},
		{1024, 64, 0, 1},
		{256, 32, 0, 8},
		{256, 128, 0, 2},
		{256, 255, 0, 1},
		{32, 16, 0, 32},
		{128, 168, 0, 3},
		{128, 32, 100 << 10, 2},
		{128, 32, 227 << 10, 1},
		{128, 0, 48 << 10, 4},
	} {
		if n, err := g.Resident(c.threads, c.registers, c.shared); err != nil || n != c.want {
			t.Errorf("%+v: found %d blocks and error %v", c, n, err)
		}
	}
	for _, c := range []struct{ threads, registers, shared int }{{0, 8, 0}, {1024, 128, 0}, {32, 8, 228 << 10}} {
		if n, err := g.Resident(c.threads, c.registers, c.shared); err == nil {
			t.Errorf("%+v: found %d blocks, expected an error", c, n)
		}
	}
}

// Blocks go to each multiprocessor in turn, and then to where one has ended.
func TestSchedule(t *testing.T) {
	blocks := []simdriver.BlockTiming{{Cycles: 10}, {Cycles: 30}, {Cycles: 10}, {Cycles: 10}, {Cycles: 5}}
	shares, cycles := estimate.Schedule(blocks, 2, 1)
	if cycles != 35 || shares[0].Blocks != 4 || shares[1].Blocks != 1 {
		t.Errorf("found %d cycles and %+v, expected 35, 4 blocks and 1", cycles, shares)
	}
	if shares, cycles = estimate.Schedule(blocks, 3, 2); cycles != 30 || shares[0].Blocks != 2 || shares[1].Blocks != 2 || shares[2].Blocks != 1 {
		t.Errorf("found %d cycles and %+v, expected 30, 2 blocks, 2 and 1", cycles, shares)
	}
}

// A straight line through two points, at a third.
func TestLine(t *testing.T) {
	a, b := estimate.Work{Blocks: 2, Cycles: 100, Passes: 7}, estimate.Work{Blocks: 4, Cycles: 100, Passes: 3}
	if w := estimate.Line(1, a, 2, b, 4); w.Blocks != 8 || w.Cycles != 100 || w.Passes != 0 {
		t.Errorf("found %+v, expected 8 blocks, 100 cycles and no passes", w)
	}
	if w := estimate.Line(1, a, 1, b, 4); w.Blocks != 3 {
		t.Errorf("found %v blocks, expected the mean 3", w.Blocks)
	}
	if w := (estimate.Work{Blocks: 2, Longest: 5}).Scale(3); w.Blocks != 6 || w.Longest != 5 {
		t.Errorf("found %+v, expected 6 blocks, the longest of 5", w)
	}
}
