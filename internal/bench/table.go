package bench

import (
	"fmt"
	"io"
	"strings"
)

// The tables are written row by row, since a long list of cases takes its time:
// columns have fixed widths.

// caseColumns begin a row of either table.
func caseColumns(c Case) string {
	return fmt.Sprintf("%-3s %5d %8.4g %7d %11s", c.Op, c.Block, c.Sparsity, c.Tokens, fmt.Sprintf("%dx%d", c.In, c.Out))
}

const caseHeading = "op  block sparsity  tokens    in x out"

// timeTable prints what was timed.
type timeTable struct {
	w     io.Writer
	group string // what the rows since the last heading have in common
}

func (t *timeTable) row(r Result) {
	group := r.Hardware
	if !strings.Contains(group, r.Precision) {
		group += ", " + r.Precision
	}
	if group != t.group {
		if t.group != "" {
			fmt.Fprintln(t.w)
		}
		t.group = group
		fmt.Fprintf(t.w, "%s; median of %d samples, by the %s's clock\n", group, r.Repeats, r.Clock)
		fmt.Fprintf(t.w, "%s %9s %20s %8s %8s %6s %8s %7s %6s  %s\n", caseHeading, "time", "min .. max", "useful", "dense", "eps", "speed-up", "floor", "of it", "kernel")
	}
	dense, eps, speedup, fraction := "-", "-", "-", "-"
	if r.Dense != nil {
		dense, eps, speedup = gflops(r.GFLOPs), fmt.Sprintf("%.2f", r.Eps), fmt.Sprintf("%.2f x", r.Speedup)
	}
	if r.FloorFraction != nil {
		fraction = fmt.Sprintf("%.0f %%", 100**r.FloorFraction)
	}
	fmt.Fprintf(t.w, "%s %9s %20s %8s %8s %6s %8s %7s %6s  %s\n", caseColumns(r.Case), span(r.SecondsMedian), span(r.SecondsMin)+" .. "+span(r.SecondsMax),
		gflops(r.UsefulGFLOPs), dense, eps, speedup, fmt.Sprintf("%.1f", r.GBPerSecond), fraction, r.Kernel)
}

// end explains the columns.
func (t *timeTable) end(all []Result) {
	fmt.Fprintln(t.w, "\ntime: of one product. useful, dense: GFLOP/s on active and on all blocks. eps: time of a useful operation over a dense one.")
	fmt.Fprint(t.w, "floor: GB/s of the bytes that the product must move")
	var copies []string
	for _, r := range all {
		if r.CopyGB != nil {
			copies = append(copies, fmt.Sprintf("%.1f", *r.CopyGB))
		}
	}
	if len(copies) > 0 {
		fmt.Fprintf(t.w, "; of it: that over what a plain copy reached, %s GB/s", copies[len(copies)/2])
	}
	fmt.Fprintln(t.w, ".")
	for _, r := range all {
		if r.Dense != nil && r.Device != "cpu" {
			fmt.Fprintf(t.w, "dense is this program's own (%s): for a speed-up over cuBLAS see bench/peers (docs/benchmarks.md).\n", r.Dense.Kernel)
			break
		}
	}
}

// countTable prints what was counted on the simulator.
type countTable struct {
	w     io.Writer
	group string
}

func (t *countTable) row(r Counted) {
	if group := r.Hardware + ", " + r.Precision; group != t.group {
		if t.group != "" {
			fmt.Fprintln(t.w)
		}
		t.group = group
		fmt.Fprintf(t.w, "COUNTS OF A SIMULATION, NO TIMES: %s; for each product and kernel of it, no cache simulated\n", r.Hardware)
		fmt.Fprintf(t.w, "%s  %-18s %8s %12s %10s %11s %11s %11s %7s %10s\n", caseHeading, "kernel", "launches", "warp instr.", "matrix", "loaded", "stored", "floor", "ratio", "conflicts")
	}
	rows := r.Kernels
	if len(rows) > 1 {
		rows = append(rows, r.Total)
	}
	for _, k := range rows {
		fmt.Fprintf(t.w, "%s  %-18s %8d %12d %10d %11s %11s %11s %7.3f %10d\n", caseColumns(r.Case), k.Name, k.Launches, k.WarpInstructions, k.MatrixInstructions,
			megabytes(k.LoadBytes), megabytes(k.StoreBytes), megabytes(r.BytesFloor), k.FloorRatio, k.BankConflicts)
	}
	if r.Estimated != nil {
		r.Estimated.write(t.w)
	}
}

// span writes a time with three digits or four.
func span(seconds float64) string {
	switch {
	case seconds < 1e-3:
		return fmt.Sprintf("%.4g us", 1e6*seconds)
	case seconds < 1:
		return fmt.Sprintf("%.4g ms", 1e3*seconds)
	}
	return fmt.Sprintf("%.4g s", seconds)
}

func gflops(x float64) string      { return fmt.Sprintf("%.1f", x) }
func megabytes(bytes int64) string { return fmt.Sprintf("%.3f MB", float64(bytes)/1e6) }
