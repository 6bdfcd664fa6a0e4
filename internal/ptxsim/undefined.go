package ptxsim

import (
	"math/bits"
	"slices"
	"strings"
)

// Registers have no state while a kernel runs. But one that no instruction writes is known
// beforehand, and so is what is computed of it alone. An instruction that takes an address
// from such a register, or writes it to global memory, is a fault where it is executed.

// computes are the instructions whose result is undefined where one of the operands is.
var computes = []string{"mov", "add", "sub", "mul", "mad", "fma", "div", "cvt", "cvta", "shl", "shr", "neg", "min", "max"}

// undefinedUses returns the instructions that are faults, by their places in the code.
func undefinedUses(code []op, flows []flow, regs int, filled []bool) []int {
	defs := make([][]int, regs)
	read := make([]bool, regs)
	for at := range flows {
		for _, r := range flows[at].defs {
			defs[r] = append(defs[r], at)
		}
		for _, r := range flows[at].uses {
			read[r] = true
		}
	}
	undefined := make([]bool, regs)
	uses := func(at int) bool {
		return slices.ContainsFunc(flows[at].uses, func(r int) bool { return undefined[r] })
	}
	for changed := true; changed; {
		changed = false
		for r := range undefined {
			if undefined[r] || !read[r] || filled[r] || slices.ContainsFunc(defs[r], func(at int) bool {
				return !slices.Contains(computes, mnemonic(code[at].text)) || len(flows[at].uses) == 2 && flows[at].uses[0] == flows[at].uses[1] || !uses(at)
			}) {
				continue
			}
			undefined[r], changed = true, true
		}
	}
	var list []int
	for at := range code {
		c := code[at].class
		if uses(at) && (c == Global || c == Atomic || c == Shared && mnemonic(code[at].text) == "ld") {
			list = append(list, at)
		}
	}
	return list
}

func mnemonic(text string) string {
	name, _, _ := strings.Cut(text, ".")
	return name
}

// undefinedUse is an instruction that undefinedUses names.
func undefinedUse(w *warp, m uint32) {
	w.fail(bits.TrailingZeros32(m), ErrUninitialized, "an address or a value for global memory comes from a register that nothing writes")
}
