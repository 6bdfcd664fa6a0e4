package report

import (
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
)

// A curve has a point for each update that has the number; without one there is no curve.
func TestSurvivalChart(t *testing.T) {
	r := &Run{Topology: []metrics.Topology{
		{Step: 10}, {Step: 20, Survival1: new(0.5)}, {Step: 30, Survival1: new(0.)}, {Step: 40, Survival1: new(0.75), Survival2: new(0.25)},
	}}
	c := survivalChart([]*Run{{}, r})
	if len(c.curves) != 2 {
		t.Fatalf("found %d curves, expected those after 1 and 2 updates", len(c.curves))
	}
	for i, want := range [][]point{{{20, 0.5}, {30, 0}, {40, 0.75}}, {{40, 0.25}}} {
		if got := c.curves[i].points; len(got) != len(want) || got[0] != want[0] || got[len(got)-1] != want[len(want)-1] {
			t.Errorf("%s: found %v, expected %v", c.curves[i].label, got, want)
		}
	}
	if survivalChart([]*Run{r, r}) != nil {
		t.Error("found a chart of two runs, expected none")
	}
}
