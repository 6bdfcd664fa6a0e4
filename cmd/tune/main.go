package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/bench"
	"github.com/sparsebert/sparsebert-gpu/internal/cpu"
	"github.com/sparsebert/sparsebert-gpu/internal/cpu/kernel"
)

func main() {
	path := kernel.Auto
	if os.Getenv("P") == "avx2" {
		path = kernel.AVX2
	}
	threads := 1
	if os.Getenv("T") != "" {
		fmt.Sscan(os.Getenv("T"), &threads)
	}
	for _, sh := range [][2]int{{768, 3072}, {3072, 768}} {
		for _, bl := range strings.Split(os.Args[2], ",") {
			for _, op := range strings.Split(os.Args[1], ",") {
				b, _ := cpu.New(cpu.Options{Threads: threads, Path: path})
				c := bench.Case{Op: op, Tokens: 4080, In: sh[0], Out: sh[1], Sparsity: 0.9}
				fmt.Sscan(bl, &c.Block)
				r, err := bench.Run(context.Background(), b, c, bench.Options{Repeats: 15, NoDense: true})
				if err != nil {
					panic(err)
				}
				fmt.Printf("%s B=%-2d %dx%d: min %.2f median %.2f ms  %.1f GFLOP/s (min time)\n", op, c.Block, c.In, c.Out, 1e3*r.SecondsMin, 1e3*r.SecondsMedian, float64(c.FLOPs())/r.SecondsMin/1e9)
				b.Close()
			}
		}
	}
}
