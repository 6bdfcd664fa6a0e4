// Package backendtest is the conformance suite of package backend. A backend
// passes it with
//
//	func TestBackend(t *testing.T) {
//		backendtest.Run(t, func(t *testing.T) backend.Backend { return New() }, backendtest.Options{})
//	}
//
// # How a check works
//
// Each check runs one operation on random data twice, on the reference backend
// (package reference, float64) and on the backend under test, and compares every
// element of every output. The allowed difference of an element is a bound on
// the rounding errors of float32 arithmetic in any order of summation, computed
// for that element from the magnitudes that went into it; tolerance.go has the
// table and its derivation. There is no share of elements that may be wrong, and
// NaN is always wrong.
//
// Around the comparison:
//
//   - every buffer is longer than the operation needs. Past the end an input
//     holds NaN, so that reading it shows, and an output holds guard words, which
//     must survive;
//   - outputs that are assigned start as NaN, outputs that are accumulated into
//     start with random values;
//   - inputs, and the fields of parameters that the operation must leave alone,
//     must keep their bits. Int32 buffers cannot be read back through the
//     interface, so they are not covered by this.
//
// Sizes are odd on purpose: token counts around no vector width, sequences with
// padding, blocks of every size from one block to the full tensor.
//
// Other checks are about numbers on the device that make an error, non-finite norms
// and topologies, which must agree bit for bit. Arguments are checked by package backend,
// in whose tests every mistake is made once; here two or three show that the device
// is behind that check.
package backendtest

import (
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// Options adapt the suite to a backend.
type Options struct {
	// Other opens the same backend with another number of threads, or other
	// resources that must not matter. Each check then runs on both, and all
	// outputs must have equal bits. Nil: the check runs twice on the one backend,
	// which must repeat itself.
	Other func(t *testing.T) backend.Backend
	// Ops are the groups of checks to run, by name; nil: all. It is for a backend
	// that grows, and for runs that look at one operation; a name that no group
	// has is an error.
	Ops []string
	// OneIn, if not 0, is how many of a group's checks there are for each one that runs: for runs
	// that look for something else than wrong results. The others count as skipped.
	OneIn int
	// RepeatOneIn, if not 0, is how many checks there are for each one that is run twice: for a
	// device whose order of work is always the same. It goes with no Other.
	RepeatOneIn int
}

// check is one test of one operation. Exactly one of prepare and whole is set.
type check struct {
	name string
	// prepare draws the data and returns the script to run on each backend, and
	// the bounds on the differences.
	prepare func(d *draws) (script, bounds)
	// whole is a test that fits no script. It gets a backend without an error,
	// which it may leave with one, and another, which it must not. They may be the
	// same.
	whole func(b, other backend.Backend) error
}

// script uploads data, calls the operation and names its outputs. It must do
// the same whatever the backend.
type script func(r *harness)

// bounds sets the allowed differences of the outputs, given the reference's
// results. Outputs without a bound must be equal.
type bounds func(ref *harness)

// group is the checks of one operation.
type group struct {
	op     string
	checks []check
	// lacks says why a backend need not pass, "" when it must; nil: every one must.
	lacks func(b backend.Backend) string
}

func groups() []group {
	return []group{
		{op: "Memory", checks: memoryChecks()},
		{op: "SetTopology", checks: setTopologyChecks()},
		{op: "DSD", checks: dsdChecks()},
		{op: "DDS", checks: ddsChecks()},
		{op: "SDD", checks: sddChecks()},
		{op: "SharedInput", checks: sharedChecks()},
		{op: "Rows", checks: rowsChecks(), lacks: noRows},
		{op: "Embed", checks: embedChecks()},
		{op: "EmbedGrad", checks: embedGradChecks()},
		{op: "AddNorm", checks: addNormChecks()},
		{op: "AddNormGrad", checks: addNormGradChecks()},
		{op: "DropoutApply", checks: dropoutChecks()},
		{op: "Gather", checks: gatherChecks()},
		{op: "ScatterAdd", checks: scatterAddChecks()},
		{op: "Zero", checks: zeroChecks()},
		{op: "Tanh", checks: tanhChecks()},
		{op: "TanhGrad", checks: tanhGradChecks()},
		{op: "GELUGrad", checks: geluGradChecks()},
		{op: "Attention", checks: attentionChecks()},
		{op: "AttentionGrad", checks: attentionGradChecks()},
		{op: "Kept", checks: keptChecks()},
		{op: "CrossEntropy", checks: crossEntropyChecks()},
		{op: "ZeroGrad", checks: zeroGradChecks()},
		{op: "GradNorm", checks: gradNormChecks()},
		{op: "AdamW", checks: adamChecks()},
		{op: "Restrict", checks: restrictChecks(), lacks: noRestricter},
		{op: "Shard", checks: shardChecks(), lacks: noSharder},
		{op: "Packer", checks: packerChecks(), lacks: noPacker},
		{op: "BlockGradL1", checks: blockGradChecks()},
		{op: "UpdateTopology", checks: slices.Concat(updateTopologyChecks(), fanInChecks(), newbornChecks())},
		{op: "NaN", checks: nanChecks()},
		{op: "Values", checks: valueChecks()},
		{op: "Wrapper", checks: wrapperChecks()},
	}
}
