// Package hook tells a command of the user's what happens in a run, so that any tracker can
// be attached. The command gets one JSON object on its standard input for each event. It
// runs beside the run, which never waits for it but, for a bounded time, at its end.
package hook

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"sync"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// Limit is the time that a command may take for one event.
const Limit = 30 * time.Second

// waiting is the number of events that wait for a command; of more the oldest is dropped.
const waiting = 64

// The events.
const (
	Evaluation = "evaluation"
	Save       = "save"
	End        = "end"
)

// Event is what a command gets, as one line of JSON.
type Event struct {
	Event    string `json:"event"`
	Time     string `json:"time"` // RFC 3339
	Run      string `json:"run"`  // absolute path of the run folder
	Step     int64  `json:"step"`
	MaxSteps int64  `json:"max_steps"`
	// Metrics has the last numbers of each kind of records, by kind and key as in
	// metrics.jsonl.
	Metrics    map[string]map[string]float64 `json:"metrics"`
	Checkpoint string                        `json:"checkpoint,omitempty"` // of a save: its folder
	State      string                        `json:"state,omitempty"`      // of the end: that of status.json
	Reason     string                        `json:"reason,omitempty"`     // of the end: why before the last step
}

// Hook is a train.Observer that runs a command for events. Close it when the run has ended.
type Hook struct {
	train.NopObserver
	command string
	limit   time.Duration
	warn    func(text string)

	run         string
	step, steps int64
	metrics     map[string]map[string]float64

	mu     sync.Mutex
	queue  []Event
	more   chan struct{} // holds one where the queue may have events
	closed time.Time     // zero: not yet
	fault  string        // the first
	told   bool          // it was warned of
	ended  chan struct{}
}

// New runs a command, by the system's shell, for each event of a run. warn gets one warning
// at most, in the goroutine of the run.
func New(command string, warn func(text string)) *Hook { return newHook(command, Limit, warn) }

func newHook(command string, limit time.Duration, warn func(text string)) *Hook {
	h := &Hook{
		command: command, limit: limit, warn: warn, metrics: map[string]map[string]float64{},
		more: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	go h.work()
	return h
}

// Started implements train.Observer.
func (h *Hook) Started(p *train.Plan, dir string, from int64) {
	h.step, h.steps, h.run = from, p.Config.MaxSteps, dir
	if abs, err := filepath.Abs(dir); err == nil {
		h.run = abs
	}
}

// Stepped implements train.Observer.
func (h *Hook) Stepped(done, _ int64, _ float64) {
	h.step = done
	h.tell()
}

// Logged implements train.Observer.
func (h *Hook) Logged(m train.TrainMetrics) {
	r := metrics.Train(m)
	h.keep(&r)
}

// Updated implements train.Observer.
func (h *Hook) Updated(m train.TopologyMetrics) {
	r := metrics.Topology(m)
	h.keep(&r)
}

// Evaluated implements train.Observer.
func (h *Hook) Evaluated(m train.EvalMetrics) {
	r := metrics.Eval(m)
	h.keep(&r)
	h.put(Event{Event: Evaluation})
}

// Saved implements train.Observer.
func (h *Hook) Saved(path string) {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	h.put(Event{Event: Save, Checkpoint: path})
}

// Close tells the command of the end, where the run began, and waits until it has taken
// what there is, or has had its time twice: for what waits, and for the end.
func (h *Hook) Close() {
	if h.run != "" {
		e := Event{Event: End, State: train.StateFailed}
		if s, err := train.ReadStatus(h.run); err == nil && s != nil {
			e.State, e.Reason = s.State, s.Reason
		}
		h.put(e)
	}
	h.mu.Lock()
	h.closed = time.Now()
	h.mu.Unlock()
	h.wake()
	<-h.ended
	h.tell()
}

// keep keeps the numbers of a record for the events that follow.
func (h *Hook) keep(r metrics.Record) {
	h.metrics[r.Kind()] = maps.Collect(metrics.Numbers(r))
	h.metrics[r.Kind()]["step"] = float64(r.At())
}

// put queues an event.
func (h *Hook) put(e Event) {
	e.Time = time.Now().UTC().Format(time.RFC3339)
	e.Run, e.Step, e.MaxSteps, e.Metrics = h.run, h.step, h.steps, maps.Clone(h.metrics)
	h.mu.Lock()
	h.queue = append(h.queue, e)
	if len(h.queue) > waiting {
		h.queue = h.queue[1:]
		h.note(fmt.Sprintf("found %d events that wait for it, expected it to keep up; the oldest are dropped", waiting))
	}
	h.mu.Unlock()
	h.wake()
}

func (h *Hook) wake() {
	select {
	case h.more <- struct{}{}:
	default:
	}
}

// note keeps the first fault. The caller holds mu.
func (h *Hook) note(fault string) {
	if h.fault == "" {
		h.fault = fault
	}
}

// tell warns once.
func (h *Hook) tell() {
	h.mu.Lock()
	fault := h.fault
	if h.told {
		fault = ""
	}
	h.told = h.told || fault != ""
	h.mu.Unlock()
	if fault != "" {
		h.warn("on_event: " + fault + "; the run goes on, and no more is said of it")
	}
}

// work runs the command for one event after the other, until the hook is closed and
// nothing waits, or the time is over.
func (h *Hook) work() {
	defer close(h.ended)
	for range h.more {
		for {
			e, within, some := h.next()
			if !some {
				break
			}
			line, err := json.Marshal(e)
			if err == nil {
				err = h.call(append(line, '\n'), within)
			}
			if err != nil {
				h.mu.Lock()
				h.note(fmt.Sprintf("found %v for the event %s of step %d, expected a command that takes it within %v", err, e.Event, e.Step, h.limit))
				h.mu.Unlock()
			}
		}
		h.mu.Lock()
		over := !h.closed.IsZero() && len(h.queue) == 0
		h.mu.Unlock()
		if over {
			return
		}
	}
}

// next takes the oldest event, and the time that the command may take for it. When the
// hook is closed what waits has one time together, and what has none left is dropped, but
// for the end.
func (h *Hook) next() (e Event, within time.Duration, some bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.queue) > 0 {
		e, h.queue = h.queue[0], h.queue[1:]
		within = h.limit
		if !h.closed.IsZero() && e.Event != End {
			within -= time.Since(h.closed)
		}
		if within > 0 {
			return e, within, true
		}
		h.note(fmt.Sprintf("found events that wait for it when the run has ended, expected it to take them within %v; they are dropped", h.limit))
	}
	return e, 0, false
}
