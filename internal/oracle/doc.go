// Package oracle is an independent BERT: the network of package model built a
// second time as a graph in Gorgonia, whose automatic differentiation gives the
// derivative by every parameter. Tests and the verify command compare a device's
// loss and gradients with it.
//
// It shares with package model the configuration, the batch and the names and
// shapes of the parameter table, and no arithmetic. What differs on purpose:
//
//   - everything is float64, and there is no dropout;
//   - a block-sparse weight is a dense matrix times a mask of zeros and ones, so
//     its gradient is masked by the chain rule, not by an index;
//   - attention is one [T, T] matrix per head over the whole batch, in which a
//     mask forbids the keys of other sequences and of the padding;
//   - embeddings, gathering and cutting out a head's columns are products with
//     matrices of zeros and ones;
//   - gradients come from Gorgonia's symbolic differentiation, run by its
//     TapeMachine. (The gradients of the other machine, LispMachine, are wrong
//     for some operations.)
//
// Every intermediate result is kept and attention is quadratic in the batch, so
// it is for small cases only: a run of [SmallCase] takes a fraction of a second.
//
// # Gorgonia and the Go runtime
//
// Gorgonia keeps addresses of Go memory as integers, which is sound only while
// Go's garbage collector does not move objects. The module
// go4.org/unsafe/assume-no-moving-gc states that assumption; the version that
// Gorgonia itself asks for refuses to start on today's Go, so this package
// imports it directly, which holds it at a version that accepts the Go in use.
// A Go release with a moving collector needs a new look at this package. No part
// of training depends on Gorgonia.
package oracle
