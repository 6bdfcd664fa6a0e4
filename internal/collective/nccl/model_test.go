//go:build mpi && unix

package nccl

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/collective"
	"github.com/sparsebert/sparsebert-gpu/internal/collective/group"
	"github.com/sparsebert/sparsebert-gpu/internal/collective/nccl/nccltest"
	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// copies is a driver that notes the longest copy to the host and from it, and can hold a graph back until
// memory of the GPU is on its way.
type copies struct {
	*simdriver.Driver
	out, in int
	graphs  int           // launched
	holds   int           // the number of the graph that waits; 0: none does
	sending chan struct{} // closed when something is on its way
	late    bool          // nothing was
}

func (d *copies) LaunchGraph(g gpu.Graph, s gpu.Stream) error {
	if d.graphs++; d.graphs == d.holds {
		select {
		case <-d.sending:
		case <-time.After(15 * time.Second):
			d.late = true
		}
	}
	return d.Driver.LaunchGraph(g, s)
}

func (d *copies) CopyOut(s gpu.Stream, dst []byte, src gpu.Ptr) error {
	d.out = max(d.out, len(dst))
	return d.Driver.CopyOut(s, dst, src)
}

func (d *copies) CopyIn(s gpu.Stream, dst gpu.Ptr, src []byte) error {
	d.in = max(d.in, len(src))
	return d.Driver.CopyIn(s, dst, src)
}

// modelBatch draws sequences.
func modelBatch(o model.Options, seed uint64, vocab int) model.Batch {
	s := philox.NewStream(seed, philox.TestData, 0, 0)
	b := model.Batch{Size: o.MicroBatch}
	for i := range b.Size {
		b.Lengths = append(b.Lengths, int32(o.SeqLen-i))
		for range o.SeqLen {
			b.IDs, b.Segments = append(b.IDs, int32(s.IntN(vocab))), append(b.Segments, int32(s.IntN(2)))
		}
		b.MaskedPos, b.MaskedLabels = append(b.MaskedPos, int32(i*o.SeqLen), -1), append(b.MaskedLabels, int32(s.IntN(vocab)), -1)
		b.NSPLabels = append(b.NSPLabels, int32(s.IntN(2)))
	}
	return b
}

// trainModel trains four replicas of a model as a rank, whose GPU is d, and returns a hash of the weights.
func trainModel(c *group.Comm, d *copies, k *counted) (string, error) {
	b, err := gpu.New(d, gpu.Options{})
	if err != nil {
		return "", err
	}
	defer b.Close()
	const replicas, long = 4, 8 << 10
	counter := &collective.Counter{Communicator: c}
	config := model.Config{
		VocabSize: 1200, Layers: 1, Hidden: 32, Heads: 2, FFN: 64, MaxPositions: 8, TypeVocab: 2, Dropout: 0.1,
		Method: model.Dynamic, Sparsity: 0.5, BlockSize: 4,
	}
	o := model.Options{MicroBatch: 2, SeqLen: 8, MaxMasked: 2, Seed: 5, FixedMasked: true, Replicas: replicas, Group: counter}
	plan, err := model.PlanMemory(b.Capabilities().Planner, config, o)
	if err != nil {
		return "", err
	}
	m, err := model.New(b, config, o)
	if err != nil {
		return "", err
	}
	w, rank := c.Size(), c.Rank()
	const last = 4 // when all is recorded
	for step := range last + 1 {
		var micro []model.Batch
		for i := range replicas / w {
			micro = append(micro, modelBatch(o, uint64(100*step+rank*replicas/w+i), config.VocabSize))
		}
		args := model.StepArgs{Step: int64(step), LR: 0.01, Adam: backend.AdamConfig{Beta1: 0.9, Beta2: 0.999, Eps: 1e-6, MaxGradNorm: 1}}
		if step == 1 {
			args.Update = &sparse.Update{Seed: 1, Number: 1, PruneRatio: 0.5}
		}
		d.out, d.in, d.graphs = 0, 0, 0
		if step == last && w > 1 {
			// That of the embeddings' gradients, behind those of earlier replicas, of the heads and of the layer.
			d.holds, d.sending = replicas/w-1+3, make(chan struct{})
			k.tells.Store(&d.sending)
		}
		sent, carried := counter.Sent(), k.bytes
		if _, err := m.Step(args, micro); err != nil {
			return "", err
		}
		want, err := model.Traffic(config, w, rank, false)
		if err != nil {
			return "", err
		}
		switch {
		case d.out > long || step > 0 && d.in > long: // tables come in the first step
			return "", fmt.Errorf("step %d: found copies of %d bytes to the host and of %d from it, expected at most %d: no gradients", step, d.out, d.in, long)
		case d.late || step == last && w > 1 && d.graphs != replicas/w+3:
			return "", fmt.Errorf("step %d: found %d graphs, and gradients late: %v, expected one a bucket and them on their way", step, d.graphs, d.late)
		case counter.Sent()-sent != want:
			return "", fmt.Errorf("step %d: found %d bytes sent, expected %d", step, counter.Sent()-sent, want)
		case w > 1 && k.bytes-carried < 100_000:
			return "", fmt.Errorf("step %d: found %d bytes by NCCL, expected the gradients and the values", step, k.bytes-carried)
		}
	}
	if _, err := m.Eval(modelBatch(o, 1, config.VocabSize)); err != nil {
		return "", err
	}
	if found := b.Capabilities().Planner.DeviceMemory(); found.Bytes != plan.Bytes {
		return "", fmt.Errorf("found %+v of memory, planned %+v", found, plan)
	}
	e, err := model.EstimateCost(config, o, model.StorageOf(b))
	if err != nil {
		return "", err
	}
	// Of moments the estimate has those of an average rank.
	if e.AddWorking(plan, plan); w == 1 && e.MemoryBytes != plan.Bytes {
		return "", fmt.Errorf("the estimate says %d bytes, the plan %d", e.MemoryBytes, plan.Bytes)
	}
	sum := sha256.New()
	for _, p := range m.Params() {
		v := make([]float32, p.Values().Len())
		if err := b.ReadFloats(v, p.Values(), 0); err != nil {
			return "", err
		}
		sum.Write(collective.Bytes(v))
	}
	return fmt.Sprintf("%x", sum.Sum(nil)), b.Sync()
}

// Gradients and new values go from GPU to GPU, and the weights are those of one process.
func TestModelTrainsOnGPUs(t *testing.T) {
	library := nccltest.Library(t)
	var want string
	for _, n := range []int{1, 2, 4} {
		code, out, errs := ranks(t, "model", library, n)
		lines := strings.Fields(out)
		if code != 0 || errs != "" || len(lines) == 0 {
			t.Fatalf("%d ranks: exit code %d, said %q and %q", n, code, out, errs)
		}
		if found := lines[len(lines)-1]; n == 1 {
			want = found
		} else if found != want {
			t.Errorf("%d ranks: found weights %s, expected %s as of one", n, found, want)
		}
	}
}
