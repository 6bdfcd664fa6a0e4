package metrics

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// eventsPrefix is what TensorBoard looks for in a file name; a Unix time of at
// least ten digits follows, then the host and the process.
const eventsPrefix = "events.out.tfevents."

// Events writes one TensorBoard event file. It is for one goroutine. After a
// failed write every later call returns the same error: a torn frame ends what
// TensorBoard can read.
type Events struct {
	file io.WriteCloser
	sync func() error
	path string
	now  func() time.Time
	err  error
}

// NewEvents makes an event file in the folder dir, which must exist. A resumed
// run passes as firstStep the first step that it writes: TensorBoard then drops
// what earlier files of the folder hold for that step and later ones. A run
// from the start passes 0. now gives the time of each event; nil means time.Now.
func NewEvents(dir string, firstStep int64, now func() time.Time) (*Events, error) {
	if now == nil {
		now = time.Now
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	second, err := nextSecond(dir, now().Unix())
	if err != nil {
		return nil, fmt.Errorf("making a TensorBoard file: %w", err)
	}
	name := fmt.Sprintf("%s%010d.%s.%d", eventsPrefix, second, host, os.Getpid())
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, fmt.Errorf("making a TensorBoard file: %w", err)
	}
	e := &Events{file: f, sync: f.Sync, path: f.Name(), now: now}
	e.write(event(now(), 0, eventFileVersion, []byte("brain.Event:2")))
	if firstStep > 0 {
		e.write(event(now(), firstStep, eventSessionLog, appendVarint(nil, sessionStatus, sessionStart)))
	}
	if e.err != nil {
		f.Close()
		return nil, e.err
	}
	return e, nil
}

// nextSecond returns now, or one second after the newest event file of dir:
// TensorBoard reads the files in the order of their names.
func nextSecond(dir string, now int64) (int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), eventsPrefix)
		text, _, _ := strings.Cut(rest, ".")
		if second, err := strconv.ParseInt(text, 10, 64); ok && err == nil && second < math.MaxInt64 {
			now = max(now, second+1)
		}
	}
	return now, nil
}

// write frames one Event and writes it in one call.
func (e *Events) write(ev []byte) error {
	if e.err != nil {
		return e.err
	}
	frame := appendRecord(nil, ev)
	n, err := e.file.Write(frame)
	if err == nil && n < len(frame) {
		err = io.ErrShortWrite
	}
	if err != nil {
		e.err = fmt.Errorf("writing %s: %w", e.path, err)
	}
	return e.err
}

// Record writes every number of a record but its step, and those that it does not have, as a scalar, under tags
// such as train/mlm_loss, topology/explored_dof and tensor/NAME/explored_dof. A
// [Snapshot] has none.
func (e *Events) Record(r Record) error {
	prefix := r.Kind() + "/"
	switch r := r.(type) {
	case *Snapshot:
		return e.err
	case *Tensor:
		prefix += r.Tensor + "/"
	}
	var summary []byte
	for key, v := range Numbers(r) {
		summary = appendBytes(summary, summaryValue, scalarValue(prefix+key, float32(v)))
	}
	return e.write(event(e.now(), r.At(), eventSummary, summary))
}

// Sync makes the events durable.
func (e *Events) Sync() error {
	if e.err != nil {
		return e.err
	}
	if err := e.sync(); err != nil {
		return fmt.Errorf("syncing %s: %w", e.path, err)
	}
	return nil
}

// Close syncs and closes the file.
func (e *Events) Close() error {
	err := e.Sync()
	if cerr := e.file.Close(); err == nil {
		err = cerr
	}
	return err
}
