// Package othercompilers runs on the simulator PTX that compilers other than this
// project's made, and small kernels with planted faults. It has tests only.
//
// The files lie in ../shared/ptx-cases beside the module; without them the tests
// are skipped. What the simulator does not do yet is listed in known_test.go,
// with the reason, and a listed case that passes fails the tests.
package othercompilers
