//go:build openblas

// Openblas times the CPU backend's block-sparse products against OpenBLAS's
// dense sgemm, in one process, in turns, on the same operands. It needs a C
// compiler and OpenBLAS (Debian's libopenblas-dev), and the build tag openblas:
//
//	go run -tags openblas ./bench/peers/openblas
//
// The product never links OpenBLAS; this program alone does. How it times stands
// in internal/bench, how to read it in docs/benchmarks.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/internal/bench"
)

// OpenBLAS's threads spin for a while after their work, into our turn, unless
// this variable is small when the process starts.
const timeoutVariable, timeout = "OPENBLAS_THREAD_TIMEOUT", "16"

// What is timed against what, for the record.
type record struct {
	OpenBLAS string         `json:"openblas"`
	Results  []bench.Result `json:"results"`
}

func main() {
	if os.Getenv(rateVariable) != "" {
		printRate()
		return
	}
	if os.Getenv(timeoutVariable) == "" {
		program, err := os.Executable()
		if err == nil {
			err = syscall.Exec(program, os.Args, environment(program))
		}
		fmt.Fprintln(os.Stderr, "openblas: starting again with", timeoutVariable+":", err)
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "openblas:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("openblas", flag.ContinueOnError)
	ops := flags.String("op", "dsd,dds,sdd", "products")
	blocks := flags.String("block", "4,8,16,32,64", "block sizes")
	sparsities := flags.String("sparsity", "0.9", "sparsities")
	shapes := flags.String("shape", "768x3072,3072x768", "INxOUT")
	threads := flags.String("threads", "1,2", "threads of both")
	tokens := flags.Int("tokens", 4096, "tokens")
	repeats := flags.Int("repeats", 11, "samples of each")
	path := flags.String("path", "auto", "instruction set of ours: auto, avx512-bcst, avx512, avx2, go")
	asJSON := flags.Bool("json", false, "print JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("found the argument %q, expected flags only", flags.Arg(0))
	}
	which, err := parsePath(*path)
	if err != nil {
		return err
	}
	out := record{OpenBLAS: library()}
	if !*asJSON {
		fmt.Fprintf(stdout, "%s\n%-3s %5s %8s %11s %7s  %-22s %8s %8s %6s %-14s\n", out.OpenBLAS,
			"op", "block", "sparsity", "in x out", "threads", "ours (min .. max) ms", "GFLOP/s", "OpenBLAS", "eps", "speed-up")
	}
	for _, thread := range strings.Split(*threads, ",") {
		n, err := strconv.Atoi(thread)
		if err != nil || n < 1 {
			return fmt.Errorf("-threads: found %q, expected a positive number", thread)
		}
		setThreads(n)
		for _, shape := range strings.Split(*shapes, ",") {
			for _, sparsity := range strings.Split(*sparsities, ",") {
				for _, block := range strings.Split(*blocks, ",") {
					for _, op := range strings.Split(*ops, ",") {
						c := bench.Case{Op: op, Tokens: *tokens}
						if _, err := fmt.Sscanf(shape+" "+sparsity+" "+block, "%dx%d %g %d", &c.In, &c.Out, &c.Sparsity, &c.Block); err != nil {
							return fmt.Errorf("found shape %q, sparsity %q, block %q: %w", shape, sparsity, block, err)
						}
						r, err := measure(ctx, c, n, which, *repeats)
						if err != nil {
							return err
						}
						out.Results = append(out.Results, r)
						if !*asJSON {
							fmt.Fprintf(stdout, "%-3s %5d %8g %11s %7d  %-22s %8.1f %8.1f %6.2f %.2f x\n", c.Op, c.Block, c.Sparsity, shape, n,
								fmt.Sprintf("%.2f (%.2f .. %.2f)", 1e3*r.SecondsMedian, 1e3*r.SecondsMin, 1e3*r.SecondsMax), r.UsefulGFLOPs, r.GFLOPs, r.Eps, r.Speedup)
						}
					}
				}
			}
		}
	}
	if *asJSON {
		e := json.NewEncoder(stdout)
		e.SetIndent("", "  ")
		return e.Encode(out)
	}
	return nil
}

func parsePath(name string) (cpu.Path, error) {
	for _, p := range append(cpu.Paths(), cpu.Auto) {
		if p.String() == name {
			return p, nil
		}
	}
	return 0, fmt.Errorf("-path: found %q, expected auto or one of %v", name, cpu.Paths())
}

// measure times one case on a backend of its own.
func measure(ctx context.Context, c bench.Case, threads int, path cpu.Path, repeats int) (bench.Result, error) {
	b, err := cpu.New(cpu.Options{Threads: threads, Path: path})
	if err != nil {
		return bench.Result{}, err
	}
	defer b.Close()
	p := peer{b}
	if err := p.check(); err != nil {
		return bench.Result{}, err
	}
	return bench.Run(ctx, p, c, bench.Options{Repeats: repeats})
}
