// Openblas times the CPU backend's block-sparse products against OpenBLAS's
// dense sgemm, in one process, in turns, on the same operands. It needs a C
// compiler and OpenBLAS (Debian's libopenblas-dev), and the build tag openblas:
//
//	go run -tags openblas ./bench/peers/openblas
//
// The product never links OpenBLAS; this program alone does. How it times stands
// in internal/bench, how to read it in docs/benchmarks.md.
package main
