package main

import (
	"fmt"
	"sort"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/cpu"
)

func main() {
	b, _ := cpu.New(cpu.Options{Threads: 1})
	b.BeginStep(backend.StepScalars{Seed: 1, Train: true, LR: 1e-4, MLMScale: 1e-3, NSPScale: 1e-3})
	const batch, seq, heads, h = 32, 128, 12, 768
	const t = batch * seq
	mk := func(n int) backend.Buffer {
		x := b.Alloc("x", backend.F32, n)
		f := b.Floats(x)
		for i := range f {
			f[i] = float32(i%97)/97 - 0.5
		}
		return x
	}
	q, k, v, c, dc := mk(t*h), mk(t*h), mk(t*h), mk(t*h), mk(t*h)
	dq, dk, dv, lse := mk(t*h), mk(t*h), mk(t*h), mk(t*heads)
	n := b.Alloc("n", backend.I32, batch)
	full := make([]int32, batch)
	for i := range full {
		full[i] = seq
	}
	b.WriteInts(n, 0, full)
	gm, bt := b.NewParam(backend.ParamSpec{Name: "g", Out: 1, In: h}), b.NewParam(backend.ParamSpec{Name: "b", Out: 1, In: h})
	m, r := mk(t), mk(t)
	a := backend.Attn{Batch: batch, Seq: seq, Heads: heads, Head: 64}
	d := backend.Dropout{Rate: 0.1, Site: 1}
	time1 := func(name string, f func()) {
		var ts []float64
		for range 21 {
			s := time.Now()
			f()
			ts = append(ts, time.Since(s).Seconds()*1e3)
		}
		sort.Float64s(ts)
		fmt.Printf("%s: min %.2f median %.2f ms\n", name, ts[0], ts[10])
	}
	time1("attention", func() { b.Attention(c, lse, q, k, v, n, a, d) })
	time1("attention no dropout", func() { b.Attention(c, lse, q, k, v, n, a, backend.Dropout{}) })
	time1("grad", func() { b.AttentionGrad(dq, dk, dv, dc, q, k, v, c, lse, n, a, d) })
	time1("grad no dropout", func() { b.AttentionGrad(dq, dk, dv, dc, q, k, v, c, lse, n, a, backend.Dropout{}) })
	time1("addnorm", func() { b.AddNorm(dq, dk, m, r, q, k, gm, bt, t, d) })
	time1("addnorm no dropout", func() { b.AddNorm(dq, dk, m, r, q, k, gm, bt, t, backend.Dropout{}) })
	time1("addnormgrad", func() { b.AddNormGrad(dq, dk, dv, q, m, r, gm, bt, t, d) })
	time1("addnormgrad no dropout", func() { b.AddNormGrad(dq, dk, dv, q, m, r, gm, bt, t, backend.Dropout{}) })
	if err := b.Sync(); err != nil {
		panic(err)
	}
}
