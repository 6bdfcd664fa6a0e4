package endpoint_test

import (
	"io"
	"math"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/endpoint"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// BenchmarkScrapes times the steps of a run that is scraped 10,000 times, in turns: for 20
// steps it is, for the next 20 it is not, so that other work of the machine meets both. It
// reports the median step of each, and by how much the medians of the two halves of the turns
// without scrapes differ, which is the noise.
func BenchmarkScrapes(b *testing.B) {
	c := train.DefaultConfig()
	c.MaxSteps, c.Threads, c.EvalBatches, c.FinalBatches = 2040, 1, 1, 1 // 1020 of them are scraped
	for b.Loop() {
		c.OutputDir = filepath.Join(b.TempDir(), "run")
		e, err := endpoint.Listen("0")
		if err != nil {
			b.Fatal(err)
		}
		turns := &turns{pace: make(chan struct{}, perStep)}
		done := make(chan int)
		go func() { done <- turns.scrape(b, e) }()
		if _, err := train.Run(b.Context(), c, open, train.Observers{e, turns}); err != nil {
			b.Fatal(err)
		}
		close(turns.pace)
		b.ReportMetric(float64(<-done), "scrapes")
		e.Close()
		b.ReportMetric(median(turns.ms[0], turns.ms[1]), "plain-ms/step")
		b.ReportMetric(median(turns.ms[2]), "scraped-ms/step")
		b.ReportMetric(math.Abs(median(turns.ms[0])-median(turns.ms[1])), "noise-ms/step")
	}
}

// turns collects the milliseconds from each step to the next: without scrapes, in every
// other such turn each, and with them.
type turns struct {
	train.NopObserver
	pace chan struct{} // of a scrape
	last time.Time
	ms   [3][]float64
}

// perStep is how many scrapes a step of a turn with scrapes may have.
const perStep = 10

func (t *turns) Stepped(done, _ int64, _ float64) {
	now, turn := time.Now(), done/20
	if !t.last.IsZero() && done%20 != 0 { // the first step of a turn meets scrapes of the one before
		kind := 2
		if turn%2 == 0 {
			kind = int(turn / 2 % 2)
		}
		t.ms[kind] = append(t.ms[kind], now.Sub(t.last).Seconds()*1e3)
	}
	t.last = now
	if turn%2 == 1 {
		for range perStep {
			select {
			case t.pace <- struct{}{}:
			default: // those of the step before are not done
			}
		}
	}
}

// scrape scrapes at that pace, and returns how often it did.
func (t *turns) scrape(b *testing.B, e *endpoint.Endpoint) (n int) {
	for range t.pace {
		answer, err := http.Get(e.URL())
		if err != nil {
			b.Error(err)
			return n
		}
		io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		n++
	}
	return n
}

// median is that of all lists together.
func median(lists ...[]float64) float64 {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return all[len(all)/2]
}

// BenchmarkScrape is one scrape of all numbers, client and server.
func BenchmarkScrape(b *testing.B) {
	e, err := endpoint.Listen("0")
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	e.Logged(train.TrainMetrics{Step: 1})
	e.Evaluated(train.EvalMetrics{Step: 1})
	e.Updated(train.TopologyMetrics{Step: 1})
	e.Spent(train.CostMetrics{Step: 1})
	for b.Loop() {
		answer, err := http.Get(e.URL())
		if err != nil {
			b.Fatal(err)
		}
		io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
	}
}
