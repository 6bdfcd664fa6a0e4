//go:build unix

package othercompilers

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// The fixed set by which the simulator's speed is judged: five operations of the
// project's own kernels and a radix sort of CUB. All run on one goroutine.
var speedSet = []struct {
	name string
	make func(t testing.TB) speedCase
}{
	{"product", product}, {"attention", attention}, {"topology", topology}, {"adamw", adamW}, {"addnorm", addNorm}, {"radix", radix},
}

// speedCase is one of the set, ready to run.
type speedCase struct {
	run     func() // once more
	results func() ([]byte, ptxsim.Counters)
}

// BenchmarkSet runs each of the set; instr/s are those of threads.
func BenchmarkSet(b *testing.B) {
	for _, s := range speedSet {
		b.Run(s.name, func(b *testing.B) {
			c := s.make(b)
			c.run()
			_, before := c.results()
			start := processorTime(b)
			for b.Loop() {
				c.run()
			}
			b.ReportMetric((processorTime(b)-start).Seconds()*1e9/float64(b.N), "cpu-ns/op")
			_, after := c.results()
			_, n := before.Instructions()
			_, m := after.Instructions()
			b.ReportMetric(float64(m-n)/b.Elapsed().Seconds(), "instr/s")
		})
	}
}

// processorTime is what the process has used, which says more than the clock where others use the machine too.
func processorTime(t testing.TB) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// TestSet: each of the set leaves the same twice, in memory and in the counters, and the
// sort, whose kernel is always the same, what it left when the hash was written here.
func TestSet(t *testing.T) {
	for _, s := range speedSet {
		t.Run(s.name, func(t *testing.T) {
			var hashes [2]uint64
			for i := range hashes {
				c := s.make(t)
				c.run()
				out, count := c.results()
				h := fnv.New64a()
				h.Write(out)
				if err := binary.Write(h, binary.LittleEndian, count); err != nil {
					t.Fatal(err)
				}
				hashes[i] = h.Sum64()
			}
			t.Logf("hash %#x", hashes[0])
			if hashes[0] != hashes[1] {
				t.Errorf("hashes %#x and %#x", hashes[0], hashes[1])
			}
			if s.name == "radix" && hashes[0] != radixHash {
				t.Errorf("hash %#x, expected %#x", hashes[0], uint64(radixHash))
			}
		})
	}
}

// radixHash is the hash of what the sort leaves.
const radixHash = 0x6d49ffc73ad36aeb

// onDevice is a case of one operation of the backend.
type onDevice struct {
	*gpu.Backend
	t      testing.TB
	driver *simdriver.Driver
	random philox.Stream
	out    []backend.Buffer
}

func newOnDevice(t testing.TB) *onDevice {
	d := simdriver.New(simdriver.Options{Threads: 1})
	b, err := gpu.New(d, gpu.Options{Activation: backend.BF16})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	b.BeginStep(backend.StepScalars{Seed: 1, Step: 3, Train: true, LR: 1e-3, MLMScale: 1, NSPScale: 1})
	return &onDevice{Backend: b, t: t, driver: d, random: philox.NewStream(3, philox.TestData, 0, 0)}
}

func (o *onDevice) fill(x backend.Buffer) backend.Buffer {
	v := make([]float32, x.Len())
	for i := range v {
		v[i] = 2*o.random.Float32() - 1
	}
	o.WriteFloats(x, 0, v)
	return x
}

func (o *onDevice) buffer(dt backend.DType, n int) backend.Buffer { return o.fill(o.Alloc("x", dt, n)) }

// result is a buffer whose content counts.
func (o *onDevice) result(dt backend.DType, n int) backend.Buffer {
	x := o.Alloc("result", dt, n)
	o.out = append(o.out, x)
	return x
}

// weight is a block-sparse one of rows x cols blocks, dense where block is 0.
func (o *onDevice) weight(block, rows, cols, nnzb int) backend.Param {
	spec := backend.ParamSpec{Name: "w", Out: rows * max(1, block), In: cols * max(1, block), Decay: true}
	if block > 0 {
		topo, err := sparse.StartTopology(sparse.Shape{Out: spec.Out, In: spec.In, Block: block}, nnzb, 9, 0)
		if err != nil {
			o.t.Fatal(err)
		}
		spec.Topology = topo
	}
	p := o.NewParam(spec)
	o.fill(p.Values())
	o.fill(p.Grad())
	o.Refresh([]backend.Param{p})
	return p
}

func (o *onDevice) speedCase(run func()) speedCase {
	return speedCase{
		run: func() {
			run()
			if err := o.Sync(); err != nil {
				o.t.Fatal(err)
			}
		},
		results: func() ([]byte, ptxsim.Counters) {
			var all []byte
			for _, x := range o.out {
				v := make([]float32, x.Len())
				if err := o.ReadFloats(v, x, 0); err != nil {
					o.t.Fatal(err)
				}
				for _, f := range v {
					all = binary.LittleEndian.AppendUint32(all, math.Float32bits(f))
				}
			}
			// The order of a map is not that of the launches; sums have none.
			counters := o.driver.Counters()
			var total ptxsim.Counters
			for _, name := range slices.Sorted(maps.Keys(counters)) {
				all = fmt.Appendf(all, "%s %v", name, counters[name])
				c := ptxsim.Counters(counters[name].Work)
				for i := range c.Thread {
					total.Warp[i] += c.Warp[i]
					total.Thread[i] += c.Thread[i]
				}
			}
			return all, total
		},
	}
}

// product is all three passes of a bfloat16 product with blocks of 16, 64 tokens.
func product(t testing.TB) speedCase {
	o := newOnDevice(t)
	const tokens, size = 64, 128
	w := o.weight(16, size/16, size/16, 24)
	bias := o.weight(0, 1, size, 0)
	x, dy := o.buffer(backend.BF16, tokens*size), o.buffer(backend.BF16, tokens*size)
	y, dx := o.result(backend.BF16, tokens*size), o.result(backend.BF16, tokens*size)
	o.out = append(o.out, w.Grad())
	return o.speedCase(func() {
		o.DSD(y, nil, x, w, bias, tokens)
		o.DDS(dx, dy, w, tokens, backend.Assign, nil)
		o.SDD(w, bias, dy, x, tokens)
	})
}

// attention is one of two heads of size 64 over 64 tokens with dropout, and its backward.
func attention(t testing.TB) speedCase {
	o := newOnDevice(t)
	a := backend.Attn{Batch: 1, Seq: 64, Heads: 2, Head: 64}
	n := a.Batch * a.Seq * a.Heads * a.Head
	q, k, v, dctx := o.buffer(backend.BF16, n), o.buffer(backend.BF16, n), o.buffer(backend.BF16, n), o.buffer(backend.BF16, n)
	ctx, lse := o.result(backend.BF16, n), o.result(backend.F32, a.Batch*a.Heads*a.Seq)
	dq, dk, dv := o.result(backend.BF16, n), o.result(backend.BF16, n), o.result(backend.BF16, n)
	lengths := o.Alloc("lengths", backend.I32, a.Batch)
	o.WriteInts(lengths, 0, []int32{61})
	drop := backend.Dropout{Rate: 0.1, Site: 5}
	return o.speedCase(func() {
		o.Attention(ctx, lse, q, k, v, lengths, a, drop)
		o.AttentionGrad(dq, dk, dv, dctx, q, k, v, ctx, lse, lengths, a, drop)
	})
}

// topology prunes and regrows a third of 200 blocks of 4 in 20 x 50.
func topology(t testing.TB) speedCase {
	o := newOnDevice(t)
	w := o.weight(4, 20, 50, 200)
	o.out = append(o.out, w.Values())
	number := 0
	return o.speedCase(func() {
		number++
		o.UpdateTopology([]backend.Param{w}, sparse.Update{Seed: 5, Number: number, Step: 3, PruneRatio: 0.3})
	})
}

// adamW is a step on 6144 elements of blocks and 4096 dense ones.
func adamW(t testing.TB) speedCase {
	o := newOnDevice(t)
	params := []backend.Param{o.weight(16, 8, 8, 24), o.weight(0, 32, 128, 0)}
	for _, p := range params {
		o.out = append(o.out, p.Values())
	}
	norm := o.result(backend.F32, 1)
	c := backend.AdamConfig{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 0.01, MaxGradNorm: 1}
	return o.speedCase(func() {
		o.GradNorm(norm, params)
		o.AdamW(params, norm, c)
	})
}

// addNorm is forward and backward of 32 rows of 256 with dropout.
func addNorm(t testing.TB) speedCase {
	o := newOnDevice(t)
	const tokens, h = 32, 256
	gamma, beta := o.weight(0, 1, h, 0), o.weight(0, 1, h, 0)
	residual, sub, dy := o.buffer(backend.BF16, tokens*h), o.buffer(backend.BF16, tokens*h), o.buffer(backend.BF16, tokens*h)
	y, z := o.result(backend.BF16, tokens*h), o.result(backend.BF16, tokens*h)
	mean, rstd := o.result(backend.F32, tokens), o.result(backend.F32, tokens)
	dr, ds := o.result(backend.BF16, tokens*h), o.result(backend.BF16, tokens*h)
	drop := backend.Dropout{Rate: 0.1, Site: 2}
	return o.speedCase(func() {
		o.AddNorm(y, z, mean, rstd, residual, sub, gamma, beta, tokens, drop)
		o.AddNormGrad(dr, ds, dy, z, mean, rstd, gamma, beta, tokens, drop)
	})
}

// vshr is the only video instruction of the radix sort: d = (a >> b) + c.
var vshr = regexp.MustCompile(`vshr\.u32\.u32\.u32\.clamp\.add (\S+), (\S+), (\S+), (\S+);`)

// radix sorts 1024 keys with CUB, whose video instructions are written as what they do.
func radix(t testing.TB) speedCase {
	dir := folder(t)
	c, err := readCase(filepath.Join(dir, "cases", "n_cub_radix_keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "ptx", c.PTX))
	if err != nil {
		t.Fatal(err)
	}
	text = vshr.ReplaceAll(text, []byte("{ .reg .u32 shifted; shr.u32 shifted, $2, $3; add.u32 $1, shifted, $4; }"))
	d := newDevice(ptxsim.Options{Threads: 1})
	if _, err := d.load(c.PTX, string(text), c.Kernel); err != nil {
		t.Fatal(err)
	}
	var args [][]byte
	buffers := map[string][]byte{}
	for i := range c.Args {
		a := &c.Args[i]
		v, err := a.content(dir)
		if err != nil {
			t.Fatal(err)
		}
		p, err := d.alloc(a.N*elements[a.DType].size, a.Name, v)
		if err != nil {
			t.Fatal(err)
		}
		buffers[a.Name], args = p, append(args, p)
	}
	var count ptxsim.Counters
	return speedCase{
		run: func() {
			n, err := d.Launch(t.Context(), d.kernel, ptxsim.Dim3{X: c.Grid[0], Y: c.Grid[1], Z: c.Grid[2]},
				ptxsim.Dim3{X: c.Block[0], Y: c.Block[1], Z: c.Block[2]}, c.Shared, args...)
			if err != nil {
				t.Fatal(err)
			}
			for i := range n.Thread {
				count.Warp[i] += n.Warp[i]
				count.Thread[i] += n.Thread[i]
			}
			count.SharedConflicts += n.SharedConflicts
			count.GlobalLoadSectors += n.GlobalLoadSectors
		},
		results: func() ([]byte, ptxsim.Counters) {
			for _, e := range c.Expect {
				if err := c.compare(func(dst []byte) error { return d.copyOut(dst, buffers[e.Arg]) }, e, dir); err != nil {
					t.Fatal(err)
				}
			}
			out := make([]byte, 4*c.Expect[0].Count)
			if err := d.copyOut(out, buffers[c.Expect[0].Arg]); err != nil {
				t.Fatal(err)
			}
			return out, count
		},
	}
}
