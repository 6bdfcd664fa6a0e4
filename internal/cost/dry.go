package cost

import (
	"fmt"
	"io"

	"github.com/sparsebert/sparsebert-gpu/train"
)

// WriteDry writes what a run would take, and returns an error where the device's memory or the disk
// is too small for it.
func WriteDry(w io.Writer, d *train.Dry) error {
	if err := Write(w, d.Estimate); err != nil {
		return err
	}
	c := d.Plan.Config
	sequences := float64(c.BatchSize*c.Accumulation) * float64(c.MaxSteps)
	fmt.Fprintf(w, "\nrun: %d steps of %d sequences of %d tokens, %d topology updates, peak learning rate %.3g\n",
		c.MaxSteps, c.BatchSize*c.Accumulation, c.SeqLen, len(d.Plan.UpdateAt), c.LearningRate)
	fmt.Fprintf(w, "     %.3g FLOPs by the paper's count, %.2f epochs of %d examples\n",
		d.Plan.FLOPs(c.MaxSteps), sequences/float64(d.Plan.Text.TrainExamples), d.Plan.Text.TrainExamples)
	if growth := d.Plan.GrowthFLOPs(c.MaxSteps); growth > 0 {
		fmt.Fprintf(w, "     %.3g more for the dense gradients of growth at the updates, %.1f %%\n", growth, 100*growth/d.Plan.FLOPs(c.MaxSteps))
	}
	writeTokens(w, d)
	fmt.Fprintf(w, "disk: %s a checkpoint, %s at most in %s", Mebibytes(d.CheckpointBytes), Mebibytes(d.DiskBytes), d.Dir)
	if d.FreeBytes >= 0 {
		fmt.Fprintf(w, " (%s free)", Mebibytes(d.FreeBytes))
	}
	fmt.Fprintln(w)
	for _, line := range d.Plan.Kept {
		fmt.Fprintln(w, line)
	}
	for _, note := range d.Plan.Notes {
		fmt.Fprintf(w, "note: %s\n", note)
	}
	for _, warning := range d.Plan.Warnings {
		fmt.Fprintf(w, "warning: %s\n", warning)
	}
	if m := d.Device; m != nil {
		fmt.Fprintf(w, "memory: %d bytes on %s, which has %d of %d free\n", m.Plan.Bytes, m.Device, m.Free, m.Total)
		if err := m.Err(); err != nil {
			return err
		}
	}
	if d.FreeBytes >= 0 && d.FreeBytes < d.DiskBytes {
		return fmt.Errorf("disk: found %s free, expected %s", Mebibytes(d.FreeBytes), Mebibytes(d.DiskBytes))
	}
	return nil
}

// writeTokens writes how much the run reads, of which the length of a phase and the masked
// predictions for each active weight of the encoder decide whether exploration can pay.
func writeTokens(w io.Writer, d *train.Dry) {
	c := d.Plan.Config
	tokens := float64(c.BatchSize*c.Accumulation) * float64(c.MaxSteps) * float64(c.SeqLen)
	fmt.Fprintf(w, "     %.4g tokens", tokens)
	whole := c.UpdateStart == 0 && (c.UpdateEnd == 0 || c.UpdateEnd == 1) // 0 stands for 1
	switch at := d.Plan.UpdateAt; {
	case len(at) > 1 && !whole:
		fmt.Fprintf(w, ", %.4g between two topology updates", tokens/float64(c.MaxSteps)*float64(at[len(at)-1]-at[0])/float64(len(at)-1))
	case len(at) > 0 && whole:
		phases := len(at) + 1
		fmt.Fprintf(w, ", %.4g in each of %d phases", tokens/float64(phases), phases)
	}
	if weights := d.Estimate.EncoderActive; weights > 0 {
		fmt.Fprintf(w, "; %.3g masked predictions for each of the %d active encoder weights", tokens*c.MLMProbability/float64(weights), weights)
	}
	fmt.Fprintln(w)
}
