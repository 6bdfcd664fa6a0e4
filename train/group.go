package train

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/internal/collective"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// RunGroup is [Run] in each of the processes that carry out one run together. group joins
// them; nil, or a group of one, is Run. All call it with the same configuration: settings
// that only say how this process works (threads, paths, ...) may differ. Their number W
// must divide Config.Replicas. Where that is 0 a new run has W replicas; if the
// configuration then leaves the accumulation at 1, each micro-batch is cut into W.
//
// The results do not depend on W, and a run may be resumed by another number of
// processes. Rank 0 alone writes, in Config.OutputDir, which all must be able to read when
// a run is resumed. The observers of the others are told warnings only. A context that
// ends in any process, or its Config.MaxTime, ends the run in all, after one checkpoint.
//
// An error of a process before the first step is returned by all, with its rank; where its
// context has ended then, the others return ErrStopped, with nothing done. Later ones are
// noticed by the others when the caller closes the group, which it does as soon as RunGroup
// has returned an error, or at the latest by the group's timeout.
func RunGroup(ctx context.Context, with model.Communicator, c Config, open Opener, watch Observer) (*Summary, error) {
	if with == nil || with.Size() == 1 {
		return Run(ctx, c, open, watch)
	}
	if watch == nil {
		watch = NopObserver{}
	}
	if with.Rank() != 0 {
		watch = warningsOnly{to: watch}
	}
	r := newRunner(watch)
	r.group = &collective.Counter{Communicator: with}
	return r.run(ctx, c, open)
}

// warningsOnly is the observer of a process that writes nothing.
type warningsOnly struct {
	NopObserver
	to Observer
}

func (w warningsOnly) Warned(text string)             { w.to.Warned(text) }
func (w warningsOnly) Skipped(path string, why error) { w.to.Skipped(path, why) }

// writes says whether this process writes the run's files.
func (r *runner) writes() bool { return r.group == nil || r.group.Rank() == 0 }

// noting is a communicator that can tell the other processes what this one is doing, which they name
// where they wait for it in vain.
type noting interface{ Note(text string) }

// note tells which step begins.
func (r *runner) note() {
	if r.group == nil {
		return
	}
	if n, ok := r.group.Communicator.(noting); ok {
		n.Note(fmt.Sprintf("step %d", r.done+1))
	}
}

// ranks is the number of processes, 0 where there is no group.
func (r *runner) ranks() int {
	if r.group == nil {
		return 0
	}
	return r.group.Size()
}

// shared works out the replicas of a configuration that processes share.
func (r *runner) shared(c Config) (Config, error) {
	if r.group == nil {
		return c, nil
	}
	return sharedBy(c, r.group.Size())
}

// sharedBy is shared for w processes.
func sharedBy(c Config, w int) (Config, error) {
	if bits.OnesCount(uint(w)) != 1 {
		return c, usage.Errorf("processes: found %d, expected a power of two, as replicas are", w)
	}
	if c.Replicas == 0 && !c.Resume {
		c.Replicas = w
		if c.Accumulation == 1 && !settings.IsGiven(&c, "gradient_accumulation_steps") && c.BatchSize%w == 0 {
			c.BatchSize, c.Accumulation = c.BatchSize/w, w
		}
	}
	if n := max(1, c.Replicas); n%w != 0 {
		return c, usage.Errorf("replicas: found %d for %d processes, expected a multiple of their number", n, w)
	}
	return c, nil
}

// agree returns err, or the error of the first process that has one: nil where none has. An outOfStep is
// told to nobody.
func (r *runner) agree(err error) error {
	if r.group == nil {
		return err
	}
	if _, ok := errors.AsType[outOfStep](err); ok {
		return fmt.Errorf("rank %d: %w", r.group.Rank(), err)
	}
	mine := ""
	if err != nil {
		mine = err.Error()
	}
	note := []int64{r.kindOf(err), int64(len(mine))}
	notes, failure := collective.GatherFew(r.group, note)
	if err != nil && failure != nil { // which may follow from err
		return fmt.Errorf("rank %d: %w", r.group.Rank(), err)
	}
	if failure != nil {
		return failure
	}
	texts := make([][]byte, len(notes))
	for i, n := range notes {
		texts[i] = make([]byte, n[1])
	}
	failure = r.group.AllGather([]byte(mine), texts)
	if err != nil {
		return fmt.Errorf("rank %d: %w", r.group.Rank(), err)
	}
	if failure != nil {
		return failure
	}
	for i, n := range notes {
		if n[0] > 0 && n[0] <= int64(len(kinds)) {
			return toldError{fmt.Sprintf("rank %d: %s", i, texts[i]), kinds[n[0]-1]}
		}
	}
	return nil
}

// kinds are those of errors of which processes tell each other, beside the text; the first is any other.
var kinds = []error{nil, ErrUsage, ErrStopped, ErrCorrupt, ErrNewer, ErrNoCheckpoint, ErrUnreadable, ErrInUse}

// kindOf is the number of an error's kind, from 1; 0 of none. One that the end of the context has caused
// counts as ErrStopped.
func (r *runner) kindOf(err error) int64 {
	switch {
	case err == nil:
		return 0
	case IsUsage(err):
		err = ErrUsage
	case r.cause != nil && r.cause() != nil && errors.Is(err, r.cause()):
		err = ErrStopped
	}
	for i, kind := range kinds {
		if kind != nil && errors.Is(err, kind) {
			return int64(i + 1)
		}
	}
	return 1
}

// toldError is an error of another process.
type toldError struct {
	text string
	kind error // nil: none of kinds
}

func (e toldError) Error() string { return e.text }
func (e toldError) Unwrap() error { return e.kind }

// stopping returns why the run is to stop, nil where it is not: some process was told to.
func (r *runner) stopping(ctx context.Context) (why error, err error) {
	if ctx.Err() != nil {
		why = context.Cause(ctx)
	}
	if r.group == nil {
		return why, nil
	}
	told := []int64{0}
	if why != nil {
		told[0] = 1
	}
	all, err := collective.GatherFew(r.group, told)
	if err != nil {
		return nil, fmt.Errorf("after step %d: %w", r.done, err)
	}
	first := slices.IndexFunc(all, func(told []int64) bool { return told[0] != 0 })
	if why == nil && first >= 0 {
		why = fmt.Errorf("rank %d was told to", first)
	}
	return why, nil
}

// sameState compares weights and topology of all processes. They have computed the same;
// where they have not, a machine is broken.
func (r *runner) sameState() error {
	if r.group == nil {
		return nil
	}
	hashes, err := r.stateHashes()
	if err != nil {
		return err
	}
	all, err := collective.GatherFew(r.group, hashes)
	if err != nil {
		return fmt.Errorf("comparing the weights after step %d: %w", r.done, err)
	}
	for rank, its := range all {
		for i, h := range its {
			if h != all[0][i] {
				return fmt.Errorf("after step %d: %s of rank %d is not that of rank 0: one of them has computed something else", r.done, r.model.Table()[i].Name, rank)
			}
		}
	}
	return nil
}

// stateHashes are of the weights and the topology of each row of the model's table.
func (r *runner) stateHashes() ([]uint64, error) {
	b := r.model.Backend()
	out := make([]uint64, len(r.model.Params()))
	var values []float32
	for i, p := range r.model.Params() {
		n := p.Values().Len()
		values = slices.Grow(values[:0], n)[:n]
		if err := b.ReadFloats(values, p.Values(), 0); err != nil {
			return nil, fmt.Errorf("reading %s: %w", p.Spec().Name, err)
		}
		sum := sha256.New()
		sum.Write(collective.Bytes(values))
		topo, err := b.Topology(p)
		if err != nil {
			return nil, fmt.Errorf("reading the topology of %s: %w", p.Spec().Name, err)
		}
		if topo != nil {
			_ = binary.Write(sum, binary.LittleEndian, topo.Rows) // a hash takes all
			_ = binary.Write(sum, binary.LittleEndian, topo.Cols)
		}
		out[i] = binary.LittleEndian.Uint64(sum.Sum(nil))
	}
	return out, nil
}
