//go:build openblas

package main

/*
#cgo pkg-config: openblas
#include <cblas.h>
*/
import "C"

import (
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
)

// peer is the CPU backend with dense products by OpenBLAS.
type peer struct{ *cpu.Backend }

// library says which OpenBLAS this is and which of its kernels it chose.
func library() string {
	return fmt.Sprintf("%s, kernel %s", C.GoString(C.openblas_get_config()), C.GoString(C.openblas_get_corename()))
}

func setThreads(n int) { C.openblas_set_num_threads(C.int(n)) }

// Capabilities are those of the CPU backend, with the peer's names of kernels.
func (p peer) Capabilities() backend.Capabilities {
	have := p.Backend.Capabilities()
	have.Profile = profile{have.Profile}
	return have
}

// profile names OpenBLAS where it computes.
type profile struct{ backend.Profile }

func (p profile) ProductKernel(op string, w backend.Param, tokens int) string {
	if w.Sparse() {
		return p.Profile.ProductKernel(op, w, tokens)
	}
	return "OpenBLAS sgemm"
}

// DSD computes y [t, out] = x [t, in] w^T.
func (p peer) DSD(y, pre, x backend.Buffer, w, bias backend.Param, t int) {
	if w.Sparse() {
		p.Backend.DSD(y, pre, x, w, bias, t)
		return
	}
	out, in := w.Spec().Out, w.Spec().In
	sgemm(C.CblasNoTrans, C.CblasTrans, t, out, in, p.Floats(x), in, p.Floats(w.Values()), in, 0, p.Floats(y), out)
}

// DDS computes dx [t, in] = dy [t, out] w.
func (p peer) DDS(dx, dy backend.Buffer, w backend.Param, t int, mode backend.DDSMode, pre backend.Buffer) {
	if w.Sparse() {
		p.Backend.DDS(dx, dy, w, t, mode, pre)
		return
	}
	out, in := w.Spec().Out, w.Spec().In
	sgemm(C.CblasNoTrans, C.CblasNoTrans, t, in, out, p.Floats(dy), out, p.Floats(w.Values()), in, 0, p.Floats(dx), in)
}

// SDD adds dy^T x to the gradient [out, in] and, with bias, the column sums of dy to its
// gradient [out].
func (p peer) SDD(w, bias backend.Param, dy, x backend.Buffer, t int) {
	if w.Sparse() {
		p.Backend.SDD(w, bias, dy, x, t)
		return
	}
	out, in := w.Spec().Out, w.Spec().In
	sgemm(C.CblasTrans, C.CblasNoTrans, out, in, t, p.Floats(dy), out, p.Floats(x), in, 1, p.Floats(w.Grad()), in)
	if bias != nil {
		C.cblas_sgemv(C.CblasRowMajor, C.CblasTrans, C.blasint(t), C.blasint(out), 1, (*C.float)(&p.Floats(dy)[0]), C.blasint(out),
			(*C.float)(&ones(t)[0]), 1, 1, (*C.float)(&p.Floats(bias.Grad())[0]), 1)
	}
}

var someOnes []float32

// ones returns a vector of n ones.
func ones(n int) []float32 {
	for len(someOnes) < n {
		someOnes = append(someOnes, 1)
	}
	return someOnes[:n]
}

func sgemm(ta, tb C.enum_CBLAS_TRANSPOSE, m, n, k int, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	C.cblas_sgemm(C.CblasRowMajor, ta, tb, C.blasint(m), C.blasint(n), C.blasint(k), 1, (*C.float)(&a[0]), C.blasint(lda),
		(*C.float)(&b[0]), C.blasint(ldb), C.float(beta), (*C.float)(&c[0]), C.blasint(ldc))
}

// multiplySquares computes c = a b of n x n matrices.
func multiplySquares(n int, a, b, c []float32) {
	sgemm(C.CblasNoTrans, C.CblasNoTrans, n, n, n, a, n, b, n, 0, c, n)
}

// check compares OpenBLAS's products with the backend's own on ragged sizes: a
// peer that computes something else would time something else.
func (p peer) check() error {
	const t, out, in = 37, 48, 80
	fill := func(n int) backend.Buffer {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(math.Sin(float64(i*i + n)))
		}
		b := p.Alloc("operand", backend.F32, n)
		p.WriteFloats(b, 0, x)
		return b
	}
	w, bias := p.NewParam(backend.ParamSpec{Name: "weight", Out: out, In: in}), p.NewParam(backend.ParamSpec{Name: "bias", Out: 1, In: out})
	copy(p.Floats(w.Values()), p.Floats(fill(out*in)))
	x, y := fill(t*in), fill(t*out)
	for _, c := range []struct {
		op  string
		n   int
		run func(backend.Products, backend.Buffer)
	}{
		{"dsd", t * out, func(d backend.Products, r backend.Buffer) { d.DSD(r, nil, x, w, nil, t) }},
		{"dds", t * in, func(d backend.Products, r backend.Buffer) { d.DDS(r, y, w, t, backend.Assign, nil) }},
		{"sdd", out*in + out, func(d backend.Products, r backend.Buffer) {
			clear(p.Floats(w.Grad()))
			clear(p.Floats(bias.Grad()))
			d.SDD(w, bias, y, x, t)
			copy(p.Floats(r), p.Floats(w.Grad()))
			copy(p.Floats(r)[out*in:], p.Floats(bias.Grad()))
		}},
	} {
		want, got := p.Alloc("ours", backend.F32, c.n), p.Alloc("OpenBLAS's", backend.F32, c.n)
		c.run(p.Backend, want)
		c.run(p, got)
		for i, v := range p.Floats(want) {
			if d := math.Abs(float64(v - p.Floats(got)[i])); !(d <= 1e-4) {
				return fmt.Errorf("%s: element %d: found %v from OpenBLAS and %v from the backend", c.op, i, p.Floats(got)[i], v)
			}
		}
	}
	return p.Sync()
}
