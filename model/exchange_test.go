package model_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/internal/collective"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// waiting is a device that ends a backward pass only when something has been sent.
type waiting struct {
	backend.Backend
	sent <-chan struct{}
	late bool
}

func (w *waiting) EmbedGrad(word, pos, typ backend.Param, dz, ids, segments backend.Buffer, t, seq int) {
	select {
	case <-w.sent:
	case <-time.After(20 * time.Second):
		w.late = true
	}
	w.Backend.EmbedGrad(word, pos, typ, dz, ids, segments, t, seq)
}

// sending is a communicator that tells when gradients are sent.
type sending struct {
	model.Communicator
	sent chan struct{}
	once sync.Once
}

func (s *sending) AllToAll(send, recv [][]byte) error {
	s.once.Do(func() { close(s.sent) })
	return s.Communicator.AllToAll(send, recv)
}

// inGroup runs f on every rank of a group, each with a device of its own.
func inGroup(t *testing.T, w int, f func(b backend.Backend, group model.Communicator) error) {
	t.Helper()
	errs := make([]error, w)
	var wait sync.WaitGroup
	for rank, c := range collective.Local(w, time.Minute) {
		wait.Go(func() {
			defer c.Close()
			b, err := cpu.New(cpu.Options{Threads: 1})
			if err != nil {
				errs[rank] = err
				return
			}
			defer b.Close()
			errs[rank] = f(b, c)
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// Gradients of the upper layers are on their way before those of the embeddings are there.
func TestGradientsAreSentDuringTheBackwardPass(t *testing.T) {
	inGroup(t, 2, func(b backend.Backend, group model.Communicator) error {
		told := &sending{Communicator: group, sent: make(chan struct{})}
		dev := &waiting{Backend: b, sent: told.sent}
		o := smallOptions
		o.Replicas, o.Group = 2, told
		m, err := model.New(dev, smallConfig(model.Static, 4), o)
		if err != nil {
			return err
		}
		if _, err := m.Step(model.StepArgs{Adam: adam()}, []model.Batch{smallBatch(4, 1)}); err != nil {
			return err
		}
		if dev.late {
			return errors.New("nothing was sent before the last gradient was there")
		}
		return nil
	})
}

// What each process sends is what the formula says, with and without an update, for models
// of all kinds.
func TestTraffic(t *testing.T) {
	for _, w := range []int{2, 4} {
		for _, growth := range []sparse.Growth{sparse.GrowRandom, sparse.GrowGradient} {
			inGroup(t, w, func(b backend.Backend, group model.Communicator) error {
				c := smallConfig(model.Dynamic, 4)
				c.Growth, c.VocabSize = growth, 3000 // several chunks in a table
				counter := &collective.Counter{Communicator: group}
				o := smallOptions
				o.Replicas, o.Group = 4, counter
				m, err := model.New(b, c, o)
				if err != nil {
					return err
				}
				var micro []model.Batch
				for i := range 4 / w {
					micro = append(micro, smallBatch(4, uint64(i)))
				}
				for step := range int64(2) {
					args := model.StepArgs{Step: step, LR: 0.01, Adam: adam()}
					if step == 1 {
						args.Update = &sparse.Update{Seed: 11, Number: 1, PruneRatio: 0.5, Growth: growth}
					}
					before := counter.Sent()
					if _, err := m.Step(args, micro); err != nil {
						return err
					}
					want, err := model.Traffic(c, w, group.Rank(), step == 1)
					if err != nil {
						return err
					}
					if sent := counter.Sent() - before; sent != want {
						return fmt.Errorf("%v, step %d, rank %d of %d: found %d bytes sent, expected %d", growth, step, group.Rank(), w, sent, want)
					}
				}
				return nil
			})
		}
	}
}

// The traffic of BERT-Base at sparsity 0.9, beside that of the dense model: the dense
// embedding is most of it.
func TestTrafficOfSparseModels(t *testing.T) {
	c, err := model.Preset("base")
	if err != nil {
		t.Fatal(err)
	}
	c.VocabSize, c.Sparsity, c.BlockSize = 30522, 0.9, 16
	total := func(method model.Method) float64 {
		c.Method = method
		sum := int64(0)
		for rank := range 8 {
			n, err := model.Traffic(c, 8, rank, false)
			if err != nil {
				t.Fatal(err)
			}
			sum += n
		}
		return float64(sum)
	}
	dense, sparse := total(model.Dense), total(model.Static)
	if ratio := sparse / dense; !(ratio <= 0.31) {
		t.Errorf("found %.3f of the dense model's traffic, expected at most 0.31", ratio)
	}
	// A ring moves 8 n (W-1)/W bytes a process: counts, losses and norm are next to nothing.
	table, err := model.Table(c)
	if err != nil {
		t.Fatal(err)
	}
	var stored float64
	for _, row := range table {
		stored += float64(row.Stored())
	}
	if ring := 8 * stored * 7; !(sparse >= ring && sparse <= 1.001*ring) {
		t.Errorf("found %.0f bytes, expected those of a ring, %.0f", sparse, ring)
	}
	t.Logf("BERT-Base, 8 processes: %.1f MB a process and step, dense %.1f MB", sparse/8e6, dense/8e6)
}
