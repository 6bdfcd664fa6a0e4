// Package kernel holds the inner loops of the CPU backend: small matrix tiles
// whose accumulators stay in registers, and the vector functions between them.
//
// Every loop exists in plain Go and, on amd64, as generated assembly for
// AVX2 with FMA and for AVX-512 (folder gen; the output is kernel_amd64.s). The
// Go loop defines what the assembly computes. The paths differ in rounding
// (fused multiply-add, order of partial sums), so results agree between paths
// to rounding only; on one path they are a function of the arguments alone.
//
// The build tag noasm leaves the assembly out.
//
// # Panels
//
// A tile of [Rows] tokens by K features is stored as a panel: element (i, k) at
// k*Rows+i. Then the Rows values that meet one row of a weight block lie side
// by side, whatever the row stride of the activations was:
//
//	activations [T][K]            panel [K][Rows]
//	t0   a00 a01 a02 ...          a00 a10 a20 ... (Rows tokens of feature 0)
//	t0+1 a10 a11 a12 ...     =>   a01 a11 a21 ...
package kernel
