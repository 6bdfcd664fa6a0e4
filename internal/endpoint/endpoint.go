// Package endpoint serves what a run measures to Prometheus. A scrape reads what the run
// has left there and waits for nothing of it, nor the run for a scrape.
package endpoint

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/internal/ownhost"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// Path is where the metrics are; any other path is not found.
const Path = "/metrics"

// policy is for a browser: the text needs nothing.
const policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// atOnce is the number of scrapes that are answered at once; more get 503.
const atOnce = 4

// Endpoint is a train.Observer that serves what it is told.
type Endpoint struct {
	train.NopObserver
	listener *ownhost.Listener
	server   *http.Server
	ended    chan error

	step, steps, loss atomic.Uint64 // bits of the numbers that every step sets
	values            atomic.Pointer[map[string]float64]
	info              atomic.Pointer[prometheus.Metric]
}

// Listen serves at an address: a port alone, or with no host before it, is on loopback
// only. An error is one of package usage.
func Listen(address string) (*Endpoint, error) {
	l, err := ownhost.Listen(loopback(address))
	if err != nil {
		return nil, usage.Errorf("metrics_addr: found %q (%w), expected an address such as 9100 or 0.0.0.0:9100 that is free", address, err)
	}
	e := &Endpoint{listener: l, ended: make(chan error, 1)}
	for _, v := range []*atomic.Uint64{&e.step, &e.steps, &e.loss} {
		v.Store(math.Float64bits(math.NaN()))
	}
	e.values.Store(&map[string]float64{})
	registry := prometheus.NewRegistry()
	if err := registry.Register(collector{e}); err != nil {
		return nil, errors.Join(fmt.Errorf("serve metrics: %w", err), l.Close())
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+Path, promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: atOnce, DisableCompression: true}))
	e.server = ownhost.Server(l, policy, mux)
	go func() { e.ended <- e.server.Serve(l) }()
	return e, nil
}

// loopback puts the loopback address before a port that has no host.
func loopback(address string) string {
	switch {
	case !strings.Contains(address, ":"):
		return "127.0.0.1:" + address
	case strings.HasPrefix(address, ":"):
		return "127.0.0.1" + address
	}
	return address
}

// URL is where the metrics are.
func (e *Endpoint) URL() string { return "http://" + e.listener.Addr().String() + Path }

// Close ends the server. Slow clients are cut off.
func (e *Endpoint) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if e.server.Shutdown(ctx) != nil {
		e.server.Close()
	}
	if err := <-e.ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics: %w", err)
	}
	return nil
}

// set leaves the numbers of a record. Only the run's goroutine writes.
func (e *Endpoint) set(r metrics.Record) {
	next := maps.Clone(*e.values.Load())
	prefix := r.Kind() + "_"
	for _, key := range metrics.NumberKeys(r) {
		delete(next, prefix+key) // what this record does not have is no longer so
	}
	for key, v := range metrics.Numbers(r) {
		next[prefix+key] = v
	}
	next[prefix+"step"] = float64(r.At())
	e.values.Store(&next)
}

// Started implements train.Observer.
func (e *Endpoint) Started(p *train.Plan, _ string, from int64) {
	c := p.Config
	info := prometheus.MustNewConstMetric(descriptions["info"], prometheus.GaugeValue, 1, c.Model, c.Method.String(), c.Device)
	e.info.Store(&info)
	e.step.Store(math.Float64bits(float64(from)))
	e.steps.Store(math.Float64bits(float64(c.MaxSteps)))
}

// Stepped implements train.Observer.
func (e *Endpoint) Stepped(done, total int64, loss float64) {
	e.step.Store(math.Float64bits(float64(done)))
	e.loss.Store(math.Float64bits(loss))
}

// Logged implements train.Observer.
func (e *Endpoint) Logged(m train.TrainMetrics) {
	r := metrics.Train(m)
	e.set(&r)
}

// Updated implements train.Observer.
func (e *Endpoint) Updated(m train.TopologyMetrics) {
	r := metrics.Topology(m)
	e.set(&r)
}

// Evaluated implements train.Observer.
func (e *Endpoint) Evaluated(m train.EvalMetrics) {
	r := metrics.Eval(m)
	e.set(&r)
}

// Spent implements train.Observer.
func (e *Endpoint) Spent(m train.CostMetrics) {
	r := metrics.Cost(m)
	e.set(&r)
}
