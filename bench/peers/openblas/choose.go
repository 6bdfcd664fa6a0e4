//go:build openblas

package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// OpenBLAS picks its kernels by the processor's name, and takes old ones for a processor that is newer
// than itself. A peer is to be compared at its best.
const (
	coreVariable = "OPENBLAS_CORETYPE"
	// rateVariable makes this program print a rate and do nothing else.
	rateVariable = "SPARSEBERT_OPENBLAS_RATE"
)

// cores are the sets of kernels that may be the fastest on a processor with AVX2, in the spelling that OpenBLAS knows
// them by; one that it does not have, or not for this processor, means its own choice.
var cores = []string{"Haswell", "Zen", "SkylakeX", "Cooperlake", "Sapphirerapids"}

// environment is what this program is to run with: the fastest kernels, if none are named, and no
// spinning threads.
func environment(program string) []string {
	env := append(os.Environ(), timeoutVariable+"="+timeout)
	if os.Getenv(coreVariable) != "" {
		return env
	}
	best, fastest := "", rateWith(program, env)
	for _, core := range cores {
		if r := rateWith(program, append(env, coreVariable+"="+core)); r > 1.05*fastest {
			best, fastest = core, r
		}
	}
	if best == "" {
		return env
	}
	return append(env, coreVariable+"="+best)
}

// rateWith runs this program for a rate; 0 if it does not run, as with instructions that the processor lacks.
func rateWith(program string, env []string) float64 {
	cmd := exec.Command(program)
	cmd.Env = append(env, rateVariable+"=1")
	out, err := cmd.Output()
	if err != nil {
		return 0
	}
	r, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		return 0
	}
	return r
}

// printRate prints the rate of a dense product in GFLOP/s, the best of some.
func printRate() {
	const n, times = 768, 7
	setThreads(1)
	a, b, c := make([]float32, n*n), make([]float32, n*n), make([]float32, n*n)
	best := 0.0
	for range times {
		start := time.Now()
		multiplySquares(n, a, b, c)
		best = max(best, 2*n*n*n/time.Since(start).Seconds()/1e9)
	}
	fmt.Println(best)
}
