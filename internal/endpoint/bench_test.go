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

// BenchmarkScrapes times a run without the endpoint and one that is scraped 10,000 times, in
// turn, five times each. It reports the seconds of a run: the median of each, and the
// largest difference between two runs without the endpoint, which is the noise.
func BenchmarkScrapes(b *testing.B) {
	const scrapes, rounds = 10000, 5
	c := train.DefaultConfig()
	c.MaxSteps, c.Threads, c.FinalBatches = 300, 1, 1
	var times [2][]float64
	for b.Loop() {
		for range rounds {
			for scraped := range 2 {
				c.OutputDir = filepath.Join(b.TempDir(), "run")
				watch, stop := train.Observers{}, func() {}
				if scraped == 1 {
					e, err := endpoint.Listen("0")
					if err != nil {
						b.Fatal(err)
					}
					watch, stop = append(watch, e), scrapeEvenly(b, e, scrapes)
				}
				s, err := train.Run(b.Context(), c, open, watch)
				if err != nil {
					b.Fatal(err)
				}
				stop()
				times[scraped] = append(times[scraped], s.Seconds)
			}
		}
	}
	for i, name := range []string{"plain-s", "scraped-s"} {
		slices.Sort(times[i])
		b.ReportMetric(times[i][len(times[i])/2], name)
	}
	b.ReportMetric(times[0][len(times[0])-1]-times[0][0], "noise-s")
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
