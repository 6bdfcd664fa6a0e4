package endpoint_test

import (
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/endpoint"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// BenchmarkScrapes times the steps of a run without the endpoint and of one that is scraped
// 10,000 times, in turn, five times each. It reports the median step of each, and by how much
// the medians of single runs without the endpoint differ, which is the noise.
func BenchmarkScrapes(b *testing.B) {
	const scrapes, rounds = 10000, 5
	c := train.DefaultConfig()
	c.MaxSteps, c.Threads, c.EvalBatches, c.FinalBatches = 400, 1, 1, 1
	var all [2]stepTimes
	var medians []float64
	for b.Loop() {
		for range rounds {
			for scraped := range 2 {
				c.OutputDir = filepath.Join(b.TempDir(), "run")
				var own stepTimes
				watch, stop := train.Observers{&own}, func() {}
				if scraped == 1 {
					e, err := endpoint.Listen("0")
					if err != nil {
						b.Fatal(err)
					}
					watch, stop = append(watch, e), scrapeEvenly(b, e, scrapes)
				}
				if _, err := train.Run(b.Context(), c, open, watch); err != nil {
					b.Fatal(err)
				}
				stop()
				all[scraped].ms = append(all[scraped].ms, own.ms...)
				if scraped == 0 {
					medians = append(medians, own.median())
				}
			}
		}
	}
	b.ReportMetric(all[0].median(), "plain-ms/step")
	b.ReportMetric(all[1].median(), "scraped-ms/step")
	b.ReportMetric(slices.Max(medians)-slices.Min(medians), "noise-ms/step")
}

// stepTimes collects the milliseconds from each step to the next.
type stepTimes struct {
	train.NopObserver
	last time.Time
	ms   []float64
}

func (s *stepTimes) Stepped(int64, int64, float64) {
	now := time.Now()
	if !s.last.IsZero() {
		s.ms = append(s.ms, now.Sub(s.last).Seconds()*1e3)
	}
	s.last = now
}

func (s *stepTimes) median() float64 {
	sorted := slices.Sorted(slices.Values(s.ms))
	return sorted[len(sorted)/2]
}

// scrapeEvenly scrapes as often as given while a run goes on, as fast as one client gets
// answers; stop waits for the last.
func scrapeEvenly(b *testing.B, e *endpoint.Endpoint, n int) (stop func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range n {
			answer, err := http.Get(e.URL())
			if err != nil {
				b.Error(err)
				return
			}
			io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
			time.Sleep(time.Millisecond)
		}
	}()
	return func() {
		<-done
		e.Close()
	}
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
