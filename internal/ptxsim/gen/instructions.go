package main

import (
	"fmt"
	"math"
)

var instructions = join(integers(), shifts(), choices(), comparisons(), floats32(), floats64(), conversions(), exponential())

func join(lists ...[]instruction) []instruction {
	var all []instruction
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

func integers() []instruction {
	const load = "VMOVDQU64 %A, %R"
	two := func(name, what, op string, more ...string) instruction {
		return instruction{name: name, what: what, uses: "ab", imms: 1, body: append([]string{load, op + " %B, %R, %R"}, append(more, "VPANDQ Z16, %R, %R")...)}
	}
	three := func(name, what, op string) instruction {
		in := two(name, what, op, "VPADDQ %C, %R, %R")
		in.uses = "abc"
		return in
	}
	plain := func(name, what, op string) instruction {
		return instruction{name: name, what: what, uses: "ab", body: []string{load, op + " %B, %R, %R"}}
	}
	between := func(name, what, op string) instruction {
		return instruction{name: name, what: what, uses: "ab", imms: 1, body: []string{
			"VPXORQ %A, Z16, %R", "VPXORQ %B, Z16, %T", op + " %T, %R, %R", "VPXORQ Z16, %R, %R"}}
	}
	return []instruction{
		two("Add", "d = a + b & n0", "VPADDQ"), two("Sub", "d = a - b & n0", "VPSUBQ"),
		two("MulUnsigned", "d = a b & n0, of 32 bits each", "VPMULUDQ"), two("MulSigned", "the same of signed numbers", "VPMULDQ"),
		two("MulLow", "d = a b & n0", "VPMULLQ"),
		two("HighUnsigned", "d = a b >> 32 & n0, of 32 bits each", "VPMULUDQ", "VPSRLQ $32, %R, %R"),
		two("HighSigned", "the same of signed numbers", "VPMULDQ", "VPSRLQ $32, %R, %R"),
		three("MadUnsigned", "d = a b + c & n0, of 32 bits each", "VPMULUDQ"), three("MadSigned", "the same of signed numbers", "VPMULDQ"),
		three("MadLow", "d = a b + c & n0", "VPMULLQ"),
		plain("And", "d = a & b", "VPANDQ"), plain("Or", "d = a | b", "VPORQ"), plain("Xor", "d = a ^ b", "VPXORQ"),
		{name: "AndNumber", what: "d = a & n0", uses: "a", imms: 1, body: []string{"VPANDQ %A, Z16, %R"}},
		{name: "XorNumber", what: "d = a ^ n0", uses: "a", imms: 1, body: []string{"VPXORQ %A, Z16, %R"}},
		{name: "AddNumber", what: "d = a + n0", uses: "a", imms: 1, body: []string{"VPADDQ %A, Z16, %R"}},
		{name: "Negate", what: "d = -a & n0", uses: "a", imms: 1, body: []string{"VPXORQ %R, %R, %R", "VPSUBQ %A, %R, %R", "VPANDQ Z16, %R, %R"}},
		{name: "Magnitude", what: "d = |a| & n0, where n1 is the sign", uses: "a", imms: 2, body: []string{
			"VPXORQ %A, Z17, %R", "VPSUBQ Z17, %R, %R", "VPABSQ %R, %R", "VPANDQ Z16, %R, %R"}},
		between("Least", "d = min(a ^ n0, b ^ n0) ^ n0", "VPMINUQ"), between("Most", "d = max(a ^ n0, b ^ n0) ^ n0", "VPMAXUQ"),
		{name: "Bits", what: "d = what a has from bit b on, c bits, & n0", uses: "abc", imms: 2, body: []string{
			"VPANDQ %B, Z17, %T", "VMOVDQU64 %A, %R", "VPSRLVQ %T, %R, %R",
			"VPANDQ %C, Z17, %T", "VPSLLVQ %T, " + one + ", %U", "VPSUBQ " + one + ", %U, %U", "VPANDQ %U, %R, %R", "VPANDQ Z16, %R, %R"}},
		{name: "Bytes", what: "d = bytes of b:a, which n0 and n1 name for even and odd lanes", uses: "ab", body: []string{
			"VMOVDQU64 %B, %R", "VPSLLQ $32, %R, %R", "VPORQ %A, %R, %R", "VBROADCASTI64X2 24(SI), %T", "VPSHUFB %T, %R, %R"}},
	}
}

func shifts() []instruction {
	funnel := func(name, what string, op string, last string) instruction {
		return instruction{name: name, what: what, uses: "abc", imms: 3, body: []string{
			"VMOVDQU64 %B, %R", "VPSLLQ $32, %R, %R", "VPORQ %A, %R, %R", "VPANDQ %C, Z16, %T", "VPMINUQ %T, Z17, %T", op + " %T, %R, %R", last}}
	}
	return []instruction{
		{name: "ShiftLeft", what: "d = a << b & n0", uses: "ab", imms: 1, body: []string{"VMOVDQU64 %A, %R", "VPSLLVQ %B, %R, %R", "VPANDQ Z16, %R, %R"}},
		{name: "ShiftRight", what: "d = a >> b", uses: "ab", body: []string{"VMOVDQU64 %A, %R", "VPSRLVQ %B, %R, %R"}},
		{name: "ShiftSigned", what: "d = a >> b & n0, where n1 is the sign", uses: "ab", imms: 2, body: []string{
			"VPXORQ %A, Z17, %R", "VPSUBQ Z17, %R, %R", "VPSRAVQ %B, %R, %R", "VPANDQ Z16, %R, %R"}},
		funnel("FunnelLeft", "d = the high half of b:a << min(c & n0, n1)", "VPSLLVQ", "VPSRLQ $32, %R, %R"),
		funnel("FunnelRight", "d = the low half of b:a >> min(c & n0, n1), of which n2 is the mask", "VPSRLVQ", "VPANDQ Z18, %R, %R"),
		{name: "Part", what: "d = a >> n0 & n1", uses: "a", imms: 2, body: []string{"VMOVDQU64 %A, %R", "VPSRLVQ Z16, %R, %R", "VPANDQ Z17, %R, %R"}},
		{name: "Pair", what: "d = a | b << n0", uses: "ab", imms: 1, body: []string{"VMOVDQU64 %B, %R", "VPSLLVQ Z16, %R, %R", "VPORQ %A, %R, %R"}},
	}
}

func choices() []instruction {
	predicates := func(name, sign, op string) instruction {
		return instruction{name: "Predicate" + name, what: "predicate d = (a ^ n0) " + sign + " (b ^ n1)", pred: "only", body: []string{op + " AX, R13"}}
	}
	return []instruction{
		predicates("And", "&", "ANDL"), predicates("Or", "|", "ORL"), predicates("Xor", "^", "XORL"),
		{name: "Move", what: "d = a", uses: "a", body: []string{"VMOVDQU64 %A, %R"}},
		{name: "Choose", what: "d = a where predicate c ^ n0 holds, else b", uses: "ab", pred: "from", body: []string{
			"VMOVDQU64 %B, %R", "VMOVDQU64 %A, K5, %R"}},
	}
}

func comparisons() []instruction {
	var all []instruction
	for _, c := range []struct {
		name, sign string
		n          int
	}{{"Equal", "==", 0}, {"Less", "<", 1}, {"LessEqual", "<=", 2}, {"NotEqual", "!=", 4}} {
		all = append(all, instruction{name: c.name, what: "predicate d = (a ^ n1 " + c.sign + " b ^ n1) ^ n0", uses: "ab", imms: 2, pred: "to", invert: true, body: []string{
			"VPXORQ %A, Z17, %R", "VPXORQ %B, Z17, %T", fmt.Sprintf("VPCMPUQ $%d, %%T, %%R, K5", c.n)}})
	}
	for _, c := range []struct {
		name, what string
		n          int
	}{{"Equal", "a == b", 0}, {"Less", "a < b", 17}, {"LessEqual", "a <= b", 18}, {"NotEqual", "a < b or a > b", 12}, {"Ordered", "neither is NaN", 7}} {
		all = append(all,
			instruction{name: "Float" + c.name, what: "predicate d = (" + c.what + ") ^ n0, of float32", uses: "ab", pred: "to", wide: true, invert: true,
				body: []string{"VMOVDQU64 %A, %R", fmt.Sprintf("VCMPPS $%d, %%B, %%R, K5", c.n)}},
			instruction{name: "Double" + c.name, what: "predicate d = (" + c.what + ") ^ n0, of float64", uses: "ab", pred: "to", invert: true,
				body: []string{"VMOVDQU64 %A, %R", fmt.Sprintf("VCMPPD $%d, %%B, %%R, K5", c.n)}})
	}
	return all
}

// canonical gives a NaN of float32 its one pattern.
var canonical = []string{"VCMPPS $3, %R, %R, K5", "VMOVDQA32 " + nan32 + ", K5, %R"}

func floats32() []instruction {
	one := func(name, what string, body ...string) instruction {
		return instruction{name: name, what: what, uses: "a", body: append(body, canonical...)}
	}
	two := func(name, op string) instruction {
		return instruction{name: "Float" + name, what: "d = a " + op + " b of float32", uses: "ab", body: append([]string{"VMOVDQU64 %A, %R", op + " %B, %R, %R"}, canonical...)}
	}
	// extreme: where the numbers are equal they can differ by their signs, which bits joins.
	extreme := func(name, what, first, bits string) instruction {
		return instruction{name: "Float" + name, what: what, uses: "ab", body: append([]string{
			"VMOVDQU64 %A, %T", "VMOVDQU64 %B, %U",
			"VMOVDQA64 %U, %R", "VCMPPS $17, " + first + ", K5", "VMOVDQA32 %T, K5, %R",
			"VCMPPS $0, %U, %T, K5", bits + " %U, %T, K5, %R",
			"VCMPPS $3, %U, %U, K5", "VMOVDQA32 %T, K5, %R", "VCMPPS $3, %T, %T, K5", "VMOVDQA32 %U, K5, %R",
		}, canonical...)}
	}
	return []instruction{
		two("Add", "VADDPS"), two("Sub", "VSUBPS"), two("Mul", "VMULPS"),
		two("Div", "VDIVPS"), // the upper halves, 0 / 0, become 0 again
		{name: "FloatFma", what: "d = a b + c of float32, rounded once", uses: "abc", body: append([]string{
			"VMOVDQU64 %A, %R", "VMOVDQU64 %B, %T", "VFMADD213PS %C, %T, %R"}, canonical...)},
		one("FloatSqrt", "d = the root of a, of float32", "VSQRTPS %A, %R"),
		one("FloatRsqrt", "d = 1 / root of a, in float64 and rounded to float32", append(toDouble,
			"VSQRTPD %R, %R", "VBROADCASTSD "+number(numberOne)+", %T", "VDIVPD %R, %T, %R", "VCVTPD2PS %R, %RY", "VPMOVZXDQ %RY, %R")...),
		extreme("Min", "d = the smaller of a and b, of float32", "%U, %T", "VPORD"),
		extreme("Max", "d = the larger of a and b, of float32", "%T, %U", "VPANDD"),
		{name: "Flush", what: "d = a of float32, subnormal numbers zeros of their sign", uses: "a", body: []string{
			"VMOVDQU64 %A, %R", "VPTESTNMQ " + exponent + ", %R, K5", "VPANDQ " + sign + ", %R, K5, %R"}},
	}
}

var toDouble = []string{"VMOVDQU64 %A, %R", "VPMOVQD %R, %RY", "VCVTPS2PD %RY, %R"}

func floats64() []instruction {
	canonical := []string{"VCMPPD $3, %R, %R, K5", "VMOVDQA64 " + nan64 + ", K5, %R"}
	two := func(name, op string) instruction {
		return instruction{name: "Double" + name, what: "d = a " + op + " b of float64", uses: "ab", body: append([]string{"VMOVDQU64 %A, %R", op + " %B, %R, %R"}, canonical...)}
	}
	return []instruction{
		two("Add", "VADDPD"), two("Sub", "VSUBPD"), two("Mul", "VMULPD"), two("Div", "VDIVPD"),
		{name: "DoubleFma", what: "d = a b + c of float64, rounded once", uses: "abc", body: append([]string{
			"VMOVDQU64 %A, %R", "VMOVDQU64 %B, %T", "VFMADD213PD %C, %T, %R"}, canonical...)},
	}
}

func conversions() []instruction {
	bf16 := func(from, to string) []string {
		return []string{
			"VMOVDQU64 " + from + ", " + to, "VCMPPS $3, " + to + ", " + to + ", K5",
			"VPSRLQ $16, " + to + ", %U", "VPANDQ " + one + ", %U, %U", "VPADDQ %U, " + to + ", " + to, "VPADDQ " + nan16 + ", " + to + ", " + to,
			"VPSRLQ $16, " + to + ", " + to, "VMOVDQA32 " + nan16 + ", K5, " + to,
		}
	}
	toInteger := func(name, what string, rounding int) instruction {
		return instruction{name: name, what: what, uses: "a", imms: 3, body: append(append([]string{}, toDouble...),
			"VCMPPD $7, %R, %R, K5", fmt.Sprintf("VRNDSCALEPD $%d, %%R, %%R", 8+rounding), "VMAXPD Z16, %R, %R", "VMINPD Z17, %R, %R",
			"VCVTTPD2QQ %R, %R", "VPANDQ Z18, %R, %T", "VPXORQ %R, %R, %R", "VMOVDQA64 %T, K5, %R")}
	}
	return []instruction{
		{name: "Extend", what: "d = a & n0 with the sign n1, & n2 with the sign n3, & n4", uses: "a", imms: 5, body: []string{
			"VPANDQ %A, Z16, %R", "VPXORQ Z17, %R, %R", "VPSUBQ Z17, %R, %R", "VPANDQ Z18, %R, %R", "VPXORQ Z19, %R, %R", "VPSUBQ Z19, %R, %R", "VPANDQ Z20, %R, %R"}},
		{name: "IntegerToFloat", what: "d = float32 of a, where n0 is the sign", uses: "a", imms: 1, body: []string{
			"VPXORQ %A, Z16, %R", "VPSUBQ Z16, %R, %R", "VCVTQQ2PS %R, %RY", "VPMOVZXDQ %RY, %R"}},
		toInteger("FloatNearest", "d = a to nearest, from n0 to n1, & n2", 0),
		toInteger("FloatTruncated", "d = a to zero, from n0 to n1, & n2", 3),
		{name: "FloatToDouble", what: "d = float64 of float32 a", uses: "a", body: append(append([]string{}, toDouble...), "VCMPPD $3, %R, %R, K5", "VMOVDQA64 "+nan64+", K5, %R")},
		{name: "DoubleToFloat", what: "d = float32 of float64 a", uses: "a", body: append([]string{"VMOVDQU64 %A, %R", "VCVTPD2PS %R, %RY", "VPMOVZXDQ %RY, %R"}, canonical...)},
		{name: "ToBF16", what: "d = bfloat16 of a", uses: "a", body: bf16("%A", "%R")},
		{name: "ToBF16Pair", what: "d = bfloat16 of a << 16 | bfloat16 of b", uses: "ab", body: append(append(bf16("%A", "%R"), bf16("%B", "%T")...),
			"VPSLLQ $16, %R, %R", "VPORQ %T, %R, %R")},
		{name: "FromBF16", what: "d = float32 of bfloat16 a", uses: "a", body: append([]string{"VMOVDQU64 %A, %R", "VPSLLQ $16, %R, %R"}, canonical...)},
	}
}

// Numbers behind the constants.
const (
	numberOne = iota
	numberTwo
	numberHalf
	numberLimit
	numberMinusLimit
	numberLn2High
	numberLn2Low
	numberP1
)

// exp2Numbers are those of the standard library's Exp2 and Exp.
var exp2Numbers = []uint64{
	math.Float64bits(1), math.Float64bits(2), math.Float64bits(0.5), math.Float64bits(300), math.Float64bits(-300),
	math.Float64bits(6.93147180369123816490e-01), math.Float64bits(1.90821492927058770002e-10),
	math.Float64bits(1.66666666666666657415e-01), math.Float64bits(-2.77777777770155933842e-03), math.Float64bits(6.61375632143793436117e-05),
	math.Float64bits(-1.65339022054652515390e-06), math.Float64bits(4.13813679705723846039e-08),
}

func number(i int) string { return fmt.Sprintf("constants<>+%d(SB)", 8*(len(constants)+i)) }

// exponential is 2 to the power of a, by the same operations as the standard library's
// Exp2, so that the float64 before the last rounding is the same. Powers beyond 300 give
// infinity or zero in float32 as does 300.
func exponential() []instruction {
	op := func(name string, n int, rest string) string { return name + ".BCST " + number(n) + ", " + rest }
	body := append([]string{}, toDouble...)
	body = append(body,
		op("VMINPD", numberLimit, "%R, %R"), op("VMAXPD", numberMinusLimit, "%R, %R"), // of NaN: the limit; put right below
		"VPSRLQ $63, %R, %T", "VPSLLQ $63, %T, %T", "VPBROADCASTQ "+number(numberHalf)+", %U", "VPORQ %U, %T, %T", // 0.5 with the sign of a
		"VADDPD %T, %R, %T", "VRNDSCALEPD $11, %T, %T", // k
		"VSUBPD %T, %R, %R", // t
		"VPBROADCASTQ "+number(numberLn2High)+", %U", "VMULPD %U, %R, %U", // hi
		"VPBROADCASTQ "+number(numberLn2Low)+", %V", "VMULPD %V, %R, %V", "VPXORQ %W, %W, %W", "VSUBPD %V, %W, %V", // lo
		"VCVTTPD2QQ %T, %T", "VPSLLQ $52, %T, %T",
		"VSUBPD %V, %U, %R", // r
		"VMULPD %R, %R, %W", // t
	)
	// c = r - t (P1 + t (P2 + t (P3 + t (P4 + t P5)))); Z19 is free.
	body = append(body, "VPBROADCASTQ "+number(numberP1+4)+", Z19")
	for i := 3; i >= 0; i-- {
		body = append(body, "VMULPD %W, Z19, Z19", op("VADDPD", numberP1+i, "Z19, Z19"))
	}
	body = append(body, "VMULPD %W, Z19, Z19", "VSUBPD Z19, %R, %W", // c
		"VMULPD %W, %R, Z19",                                                                     // r c
		"VPBROADCASTQ "+number(numberTwo)+", Z18", "VSUBPD %W, Z18, Z18", "VDIVPD Z18, Z19, Z19", // / (2 - c)
		"VSUBPD Z19, %V, Z19", "VSUBPD %U, Z19, Z19", // (lo - ...) - hi
		"VPBROADCASTQ "+number(numberOne)+", %R", "VSUBPD Z19, %R, %R", // y
		"VPADDQ %T, %R, %R", "VCVTPD2PS %R, %RY", "VPMOVZXDQ %RY, %R",
		"VMOVDQU64 %A, %T", "VCMPPS $3, %T, %T, K5", "VMOVDQA32 "+nan32+", K5, %R")
	return []instruction{{name: "FloatExp2", what: "d = 2 to the power of a, in float64 and rounded to float32", uses: "a", body: body}}
}
