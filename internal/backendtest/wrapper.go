package backendtest

import (
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// wrapperChecks show that a backend is behind backend.New, and so are its
// capabilities: a bad argument of each gives the message of that check.
func wrapperChecks() []check {
	var list []check
	for _, c := range []struct {
		name, message string
		do            func(b backend.Backend)
		lacks         func(have backend.Capabilities) bool
	}{
		{"operations", "DSD: tokens: found -1, expected 0 or more",
			func(b backend.Backend) {
				w := b.NewParam(backend.ParamSpec{Name: "w", Out: 2, In: 3})
				b.DSD(b.Alloc("y", b.Activation(), 8), nil, b.Alloc("x", b.Activation(), 8), w, nil, -1)
			}, nil},
		{"SharedInput", "DSDShared: found 0 weights, 0 biases and 0 buffers, expected as many of each, and one at least",
			func(b backend.Backend) {
				b.Capabilities().SharedInput.DSDShared(nil, b.Alloc("x", b.Activation(), 8), nil, nil, 1)
			},
			func(have backend.Capabilities) bool { return have.SharedInput == nil }},
		{"Restricter", "Restrict: p: found none, expected a parameter of this backend",
			func(b backend.Backend) { b.Capabilities().Restricter.Restrict(nil, nil) },
			func(have backend.Capabilities) bool { return have.Restricter == nil }},
		{"Sharder", "Shard: w: found elements 2 to 7, expected a part of 6 in whole units of 16384",
			func(b backend.Backend) {
				b.Capabilities().Sharder.Shard(b.NewParam(backend.ParamSpec{Name: "w", Out: 2, In: 3}), 2, 7)
			},
			func(have backend.Capabilities) bool { return have.Sharder == nil }},
		{"Packer", "Unpack: x and v (v): found the same buffer twice, expected two",
			func(b backend.Backend) {
				v := b.Alloc("v", backend.F32, 8)
				b.Capabilities().Packer.Unpack(v, []backend.Part{{X: v, N: 4, At: 4}})
			},
			func(have backend.Capabilities) bool { return have.Packer == nil }},
		{"AddVector", "AddVector: v: found elements 0 to 5 added to 4 to 9, expected ranges that do not overlap",
			func(b backend.Backend) {
				v := b.Alloc("v", backend.F32, 9)
				b.Capabilities().Packer.AddVector(v, 4, v, 0, 5)
			},
			func(have backend.Capabilities) bool { return have.Packer == nil }},
		{"SumSquares", "SumSquares: found a sum of 16385 elements, expected at most 16384",
			func(b backend.Backend) {
				_ = b.Capabilities().Packer.SumSquares(make([]float64, 1), b.Alloc("v", backend.F32, 20_000), [][2]int{{0, 16_385}}) // Sync tells
			},
			func(have backend.Capabilities) bool { return have.Packer == nil }},
		{"Rows", "AllocRows y: columns: found 0, expected 1 or more",
			func(b backend.Backend) { b.Capabilities().Rows.AllocRows("y", b.Activation(), 2, 0) },
			func(have backend.Capabilities) bool { return have.Rows == nil }},
		{"Recorder", "Record: work: found none, expected a function",
			func(b backend.Backend) { b.Capabilities().Recorder.Record("name", nil) },
			func(have backend.Capabilities) bool { return have.Recorder == nil }},
	} {
		list = append(list, check{name: c.name, whole: func(b, _ backend.Backend) error {
			if c.lacks != nil && c.lacks(b.Capabilities()) {
				return nil
			}
			c.do(b)
			want := b.Name() + ": " + c.message
			if err := b.Sync(); err == nil || err.Error() != want {
				return fmt.Errorf("found the error %v, expected %q", err, want)
			}
			return nil
		}})
	}
	return list
}
