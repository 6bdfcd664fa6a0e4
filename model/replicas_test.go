package model_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/internal/collective"
	"github.com/sparsebert/sparsebert-gpu/internal/reference"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// replicaRun is what training with replicas leaves.
type replicaRun struct {
	results []model.StepResult
	values  []float32 // of all parameters
	moments []moments // one for each parameter
	topo    []*sparse.Topology
}

// moments are both of a part of a parameter, the elements from lo on.
type moments struct {
	lo   int
	m, v []float32
}

// trainReplicas does three steps of eight micro-batches, with dropout and a topology update by
// gradient, as one process of a group.
func trainReplicas(b backend.Backend, replicas int, group model.Communicator) (replicaRun, error) {
	var run replicaRun
	c := smallConfig(model.Dynamic, 4)
	c.Dropout, c.Growth = 0.1, sparse.GrowGradient
	o := smallOptions
	o.Replicas, o.Group = replicas, group
	m, err := model.New(b, c, o)
	if err != nil {
		return run, err
	}
	rank, w := 0, 1
	if group != nil {
		rank, w = group.Rank(), group.Size()
	}
	for s := range int64(3) {
		var micro []model.Batch
		for i := range 8 / w {
			micro = append(micro, smallBatch(4, uint64(s*100)+uint64(rank*8/w+i)))
		}
		args := model.StepArgs{Step: s, LR: 0.01, Adam: adam()}
		if s == 1 {
			args.Update = &sparse.Update{Seed: 11, Number: 1, PruneRatio: 0.5, Growth: sparse.GrowGradient}
		}
		r, err := m.Step(args, micro)
		if err != nil {
			return run, err
		}
		run.results = append(run.results, r)
	}
	for i, p := range m.Params() {
		var lists [3][]float32
		for k, x := range []backend.Buffer{p.Values(), p.M(), p.V()} {
			lists[k] = make([]float32, x.Len())
			if err := b.ReadFloats(lists[k], x, 0); err != nil {
				return run, err
			}
		}
		lo, hi := m.OwnMoments(i)
		if len(lists[1]) != hi-lo || m.Sharded() != (w > 1) {
			return run, fmt.Errorf("%s: found %d moments, expected those of %d to %d", p.Spec().Name, len(lists[1]), lo, hi)
		}
		run.values, run.moments = append(run.values, lists[0]...), append(run.moments, moments{lo, lists[1], lists[2]})
	}
	run.topo, err = m.Topologies()
	return run, err
}

// sameRuns names the first thing in which two runs differ in any bit.
func sameRuns(a, b replicaRun) error {
	for i, r := range a.results {
		if fmt.Sprint(r) != fmt.Sprint(b.results[i]) {
			return fmt.Errorf("step %d: found %v, expected %v", i, b.results[i], r)
		}
	}
	same := func(x, y []float32) bool {
		return slices.EqualFunc(x, y, func(p, q float32) bool { return math.Float32bits(p) == math.Float32bits(q) })
	}
	if !same(a.values, b.values) {
		return errors.New("values differ")
	}
	for i, part := range b.moments {
		all := a.moments[i]
		if end := part.lo + len(part.m); !same(part.m, all.m[part.lo:end]) || !same(part.v, all.v[part.lo:end]) {
			return fmt.Errorf("moments of parameter %d differ", i)
		}
	}
	for i, t := range a.topo {
		if !t.Equal(b.topo[i]) {
			return fmt.Errorf("topology %d differs", i)
		}
	}
	return nil
}

// Four replicas compute the same bits in one, two and four processes.
func TestReplicasInProcesses(t *testing.T) {
	alone, err := trainReplicas(openCPU(t, 1), 4, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []int{1, 2, 4} {
		errs := make([]error, w)
		var wait sync.WaitGroup
		for rank, c := range collective.Local(w, time.Minute) {
			wait.Go(func() {
				errs[rank] = func() error {
					b, err := cpu.New(cpu.Options{Threads: 1})
					if err != nil {
						return err
					}
					defer b.Close()
					run, err := trainReplicas(b, 4, c)
					if err != nil {
						return err
					}
					return sameRuns(alone, run)
				}()
				if errs[rank] != nil {
					c.Close()
				}
			})
		}
		wait.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Errorf("%d processes: %v", w, err)
		}
	}
}

// Replicas train on the same examples with the same dropout as one does, so that only
// roundings tell them apart: on the reference those of gradients to float32.
func TestReplicasAgreeWithOne(t *testing.T) {
	one, err := trainReplicas(reference.New(), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, replicas := range []int{1, 2, 8} {
		more, err := trainReplicas(reference.New(), replicas, nil)
		if err != nil {
			t.Fatal(err)
		}
		if replicas == 1 {
			if err := sameRuns(one, more); err != nil {
				t.Error(err)
			}
			continue
		}
		for i, r := range one.results {
			found := more.results[i]
			if r.Masked != found.Masked || r.Pairs != found.Pairs || r.MLMAccuracy != found.MLMAccuracy {
				t.Errorf("%d replicas, step %d: found %+v, expected %+v", replicas, i, found, r)
			}
			for _, x := range [][2]float64{{r.MLMLoss, found.MLMLoss}, {r.NSPLoss, found.NSPLoss}, {r.GradNorm, found.GradNorm}} {
				if !(math.Abs(x[0]-x[1]) <= 1e-5*math.Abs(x[0])) {
					t.Errorf("%d replicas, step %d: found %v, expected %v", replicas, i, x[1], x[0])
				}
			}
		}
		for i, topo := range one.topo {
			if !topo.Equal(more.topo[i]) {
				t.Errorf("%d replicas: topology %d differs", replicas, i)
			}
		}
	}
}

func TestReplicasRefused(t *testing.T) {
	b := reference.New()
	for _, c := range []struct{ replicas, processes int }{{3, 1}, {-2, 1}, {2, 4}, {0, 2}, {8, 3}} {
		o := smallOptions
		o.Replicas, o.Group = c.replicas, collective.Local(c.processes, time.Second)[0]
		if _, err := model.New(b, smallConfig(model.Dense, 1), o); !errors.Is(err, model.ErrConfig) {
			t.Errorf("%+v: found %v, expected an invalid configuration", c, err)
		}
	}
	o := smallOptions
	o.Replicas = 4
	m := build(t, b, smallConfig(model.Dense, 1), o)
	if _, err := m.Step(model.StepArgs{Adam: adam()}, []model.Batch{smallBatch(4, 1), smallBatch(4, 2)}); !errors.Is(err, model.ErrBatch) {
		t.Errorf("found %v for two micro-batches of four replicas", err)
	}
}
