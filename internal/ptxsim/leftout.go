package ptxsim

import (
	"slices"
	"strings"
)

// leftOut says why an instruction is not executed on purpose; "" if there is no such reason.
func leftOut(in *inst) string {
	has := func(names ...string) bool {
		return slices.ContainsFunc(in.mods, func(m string) bool { return slices.Contains(names, m) })
	}
	product := in.op == "mma" || in.op == "wgmma"
	switch {
	case in.op == "wmma":
		return "wmma is left out, use mma"
	case product && has("f64"):
		return "float64 matrix products are left out"
	case product && has("s8", "u8", "s4", "u4", "b1"):
		return "integer matrix products are left out"
	case has("e4m3", "e5m2", "e4m3x2", "e5m2x2", "e2m1", "e2m1x2", "ue8m0x2"):
		return "fp8 is left out"
	case strings.HasPrefix(in.op, "v") && in.op != "vote":
		return "video instructions are left out"
	}
	return ""
}
