package backendtest

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// badValue is a call whose arguments are valid and whose numbers on the device are not.
type badValue struct {
	op, name string
	vague    bool // the message comes from package sparse and may lack "expected"
	do       func(b backend.Backend)
}

// valueChecks are about what only a device can see. The other mistakes are found by
// package backend, and tested there.
func valueChecks() []check {
	var list []check
	for _, v := range append(badIntegers(), badTopologies()...) {
		list = append(list, check{name: v.op + "/" + v.name, whole: func(b, _ backend.Backend) error {
			return Sticks(b, v.op, !v.vague, func() { v.do(b) })
		}})
	}
	return list
}

// Sticks makes a mistake in the operation op, which must not panic, and returns an
// error unless Sync then names the operation in one line, keeps to that error whatever
// comes later, and reads return it. A precise message says what was found and what was
// expected.
func Sticks(b backend.Backend, op string, precise bool, mistake func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("found a panic (%v), expected an error that sticks", p)
		}
	}()
	mistake()
	first := b.Sync()
	if first == nil {
		return errors.New("found no error from Sync, expected one")
	}
	words := []string{op}
	if precise {
		words = append(words, "found", "expected")
	}
	for _, w := range words {
		if !strings.Contains(first.Error(), w) {
			return fmt.Errorf("found the error %q, expected one with the word %q", first, w)
		}
	}
	if strings.Contains(first.Error(), "\n") {
		return fmt.Errorf("found the error %q, expected one line", first)
	}
	// Good and bad calls after it change nothing, and reads report it.
	good := b.Alloc("good", b.Activation(), 4)
	w := b.NewParam(backend.ParamSpec{Name: "good", Out: 1, In: 4})
	b.WriteFloats(good, 0, make([]float32, 4))
	b.Zero(good, 4)
	b.DSD(good, nil, good, w, nil, -1)
	if again := b.Sync(); again == nil || again.Error() != first.Error() {
		return fmt.Errorf("found the error %v after later calls, expected the first one, %q", again, first)
	}
	if err := b.ReadFloats(make([]float32, 4), good, 0); err == nil {
		return errors.New("found no error from ReadFloats after a failed operation, expected the first one")
	}
	if _, err := b.Topology(w); err == nil {
		return errors.New("found no error from Topology after a failed operation, expected the first one")
	}
	if _, err := b.UpdateStats(nil); err == nil {
		return errors.New("found no error from UpdateStats after a failed operation, expected the first one")
	}
	return nil
}

// badIntegers are integers out of range: element 2 of 3 is bad.
func badIntegers() []badValue {
	const h = 4
	type words struct {
		act func(name string, n int) backend.Buffer
		row func(name string, n int) backend.Buffer
		bad func(v int32) backend.Buffer
		ok  backend.Buffer
	}
	on := func(b backend.Backend) words {
		return words{
			act: func(name string, n int) backend.Buffer { return b.Alloc(name, b.Activation(), n) },
			row: func(name string, n int) backend.Buffer { return b.Alloc(name, backend.F32, n) },
			bad: func(v int32) backend.Buffer {
				x := b.Alloc("integers", backend.I32, 3)
				b.WriteInts(x, 0, []int32{0, 0, v})
				return x
			},
			ok: b.Alloc("integers", backend.I32, 3),
		}
	}
	table := func(b backend.Backend, rows int) backend.Param {
		return b.NewParam(backend.ParamSpec{Name: "table", Out: rows, In: h})
	}
	attn := backend.Attn{Batch: 3, Seq: 2, Heads: 1, Head: h}
	var list []badValue
	add := func(op, name string, do func(b backend.Backend, w words)) {
		list = append(list, badValue{op, name, false, func(b backend.Backend) { do(b, on(b)) }})
	}
	for _, v := range []int32{-1, 5} {
		add("Embed", "id out of range", func(b backend.Backend, w words) {
			b.Embed(w.act("z", 3*h), w.bad(v), w.ok, table(b, 5), table(b, 3), table(b, 2), 3, 3)
		})
		add("EmbedGrad", "id out of range", func(b backend.Backend, w words) {
			b.EmbedGrad(table(b, 5), table(b, 3), table(b, 2), w.act("dz", 3*h), w.bad(v), w.ok, 3, 3)
		})
	}
	for _, v := range []int32{-1, 2} {
		add("Embed", "segment out of range", func(b backend.Backend, w words) {
			b.Embed(w.act("z", 3*h), w.ok, w.bad(v), table(b, 5), table(b, 3), table(b, 2), 3, 3)
		})
	}
	for _, v := range []int32{-1, 3} {
		add("Attention", "length out of range", func(b backend.Backend, w words) {
			n := 3 * 2 * h
			b.Attention(w.act("ctx", n), w.row("lse", n), w.act("q", n), w.act("k", n), w.act("v", n), w.bad(v), attn, backend.Dropout{})
		})
		add("AttentionGrad", "length out of range", func(b backend.Backend, w words) {
			n := 3 * 2 * h
			b.AttentionGrad(w.act("dq", n), w.act("dk", n), w.act("dv", n), w.act("dctx", n), w.act("q", n), w.act("k", n), w.act("v", n),
				w.act("ctx", n), w.row("lse", n), w.bad(v), attn, backend.Dropout{})
		})
	}
	add("Gather", "index out of range", func(b backend.Backend, w words) {
		b.Gather(w.act("dst", 3*h), w.act("src", 2*h), w.bad(2), 3, h)
	})
	add("ScatterAdd", "index out of range", func(b backend.Backend, w words) {
		b.ScatterAdd(w.act("dst", 2*h), w.act("src", 3*h), w.bad(2), 3, h)
	})
	add("CrossEntropy", "label out of range", func(b backend.Backend, w words) {
		b.CrossEntropy(w.row("stats", 3), w.act("logits", 3*h), w.bad(h), 3, h, backend.MLM, true)
	})
	return list
}

// badTopologies are births and weights that an update or the optimizer must refuse.
func badTopologies() []badValue {
	param := func(b backend.Backend, change func(t *sparse.Topology)) backend.Param {
		t, err := sparse.StartTopology(sparse.Shape{Out: 16, In: 24, Block: 8}, 3, 1, 0)
		if err != nil {
			panic("backendtest: " + err.Error()) // a fault of the suite
		}
		change(t)
		return b.NewParam(backend.ParamSpec{Name: "w", Out: 16, In: 24, Topology: t})
	}
	return []badValue{
		{"UpdateTopology", "a weight that is NaN", true, func(b backend.Backend) {
			w := param(b, func(*sparse.Topology) {})
			b.WriteFloats(w.Values(), 70, []float32{float32(math.NaN())})
			b.UpdateTopology([]backend.Param{w}, sparse.Update{Number: 1, Step: 1, PruneRatio: 0.5})
		}},
		{"AdamW", "a block born after the step", false, func(b backend.Backend) {
			w := param(b, func(t *sparse.Topology) { t.Born[2], t.NewAt[2] = int32(defaultStep().Step)+1, 1 })
			b.BeginStep(defaultStep())
			b.AdamW([]backend.Param{w}, b.Alloc("norm", backend.F32, 1), backend.AdamConfig{Beta1: 0.9, Beta2: 0.999, Eps: 1e-6})
		}},
	}
}
