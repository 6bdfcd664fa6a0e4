// Package cost writes for people what a configuration or a run takes: parameters, FLOPs, memory and
// disk.
package cost

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/sparsebert/sparsebert-gpu/model"
)

// Write writes an estimate as three tables: parameters, FLOPs and memory.
func Write(w io.Writer, e model.CostEstimate) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name string, cells ...string) {
		fmt.Fprintf(t, "%-34s", name)
		for _, c := range cells {
			fmt.Fprintf(t, "\t%s", c)
		}
		fmt.Fprint(t, "\t\n")
	}
	row("PARAMETERS", "this model", "dense")
	row("all", fmt.Sprint(e.Stored), fmt.Sprint(e.Parameters))
	row("encoder weights", fmt.Sprint(e.EncoderActive), fmt.Sprint(e.Encoder))
	if e.OffDensity() {
		row("  at the density asked for", fmt.Sprintf("%.0f", e.AskedDensity*float64(e.Encoder)), "")
	}
	row("")
	row(fmt.Sprintf("FLOPs OF ONE SEQUENCE OF %d", e.SeqLen), "by the paper", "executed", "dense")
	for _, p := range e.FLOPs {
		row(p.Name, sci(p.Theoretical), sci(p.Executed), sci(p.Dense))
	}
	row("non-embedding (the paper's count)", sci(e.NonEmbeddingFLOPs), "", sci(e.DenseNonEmbeddingFLOPs))
	if e.OffDensity() {
		row("  at the density asked for", sci(e.AskedNonEmbeddingFLOPs), "", "")
	}
	row("everything", "", sci(e.ExecutedFLOPs), sci(e.DenseExecutedFLOPs))
	if e.GrowthFLOPs > 0 {
		row("  and at an update, for growth", "", sci(e.GrowthFLOPs), "")
	}
	row("")
	row(fmt.Sprintf("MEMORY FOR MICRO-BATCHES OF %d", e.MicroBatch), "this model", "dense")
	for _, p := range e.Memory {
		row(p.Name, Mebibytes(p.Bytes), Mebibytes(p.Dense))
	}
	row("together", Mebibytes(e.MemoryBytes), Mebibytes(e.DenseMemoryBytes))
	return t.Flush()
}

func sci(x float64) string { return fmt.Sprintf("%.4g", x) }

// Mebibytes writes a number of bytes in MiB.
func Mebibytes(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
