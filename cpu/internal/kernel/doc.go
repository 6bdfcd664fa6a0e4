// Package kernel holds the inner loops of the CPU backend: small matrix tiles
// whose accumulators stay in registers, and the vector functions between them.
//
// Every loop exists in plain Go and, on amd64, as generated assembly for
// AVX2 with FMA and twice for AVX-512 (folder gen; the output is kernel_amd64.s). The
// Go loop defines what the assembly computes. The paths differ in rounding
// (fused multiply-add, order of partial sums), so results agree between paths
// to rounding only; on one path they are a function of the arguments alone.
//
// The build tag noasm leaves the assembly out.
//
// # Panels
//
// A tile of [Rows] tokens by K features is stored as a panel: strips of [Strip]
// features, one after the other, in each the tokens one after the other. What a block
// of the weight meets then lies in few pages and never in one set of the cache,
// whatever the row stride of the activations was, and copying moves whole cache lines:
//
//	activations [T][K]              panel [K/Strip][Rows][Strip]
//	t0   a00 a01 ... a0F a0G ...    a00 ... a0F  a10 ... a1F  a20 ... (strip 0)
//	t0+1 a10 a11 ... a1F a1G ... => a0G ...      a1G ...      a2G ... (strip 1)
//
// # Pairs
//
// A core that multiplies as often as it reads has no reads left to ask for memory or to copy if each
// multiplication takes a number from memory. On AVX-512 tiles therefore take two steps at once:
// rows of what stands on the right are paired ([Set.PairRows]), two numbers of what stands on the
// left are read for two multiplications, and the sums of even and odd steps are added at the end.
// Strips of weight gradients lie in pairs too (woven).
//
// That takes half as many instructions again. An Intel core issues fewer a cycle, and half of them
// while another thread has its other half, so there the best path is [AVX512Bcst], where each
// multiplication reads its number by itself, a step or a token at a time.
package kernel
