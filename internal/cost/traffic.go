package cost

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/sparsebert/sparsebert-gpu/model"
)

// Traffic is what a process sends in a step that several share and that has no topology update, in
// bytes (docs/scaling.md).
type Traffic struct {
	Processes int `json:"processes"`
	// Of the process that sends most, by model.Traffic, and the same of the dense model.
	Sent      int64 `json:"sent_bytes"`
	DenseSent int64 `json:"dense_sent_bytes"`
	// Of encoder weights alone, on average: 8 n (W-1)/W for n of them.
	Encoder      int64 `json:"encoder_sent_bytes"`
	DenseEncoder int64 `json:"dense_encoder_sent_bytes"`
}

// TrafficOf returns the traffic of a model that a number of processes, at least 2, share.
func TrafficOf(c model.Config, processes int) (Traffic, error) {
	t := Traffic{Processes: processes}
	dense := c
	dense.Method = model.Dense
	for _, m := range []struct {
		c             model.Config
		sent, encoder *int64
	}{{c, &t.Sent, &t.Encoder}, {dense, &t.DenseSent, &t.DenseEncoder}} {
		table, err := model.Table(m.c)
		if err != nil {
			return t, err
		}
		*m.encoder = 8 * model.Count(table).EncoderActive / int64(processes) * int64(processes-1)
		for rank := range processes {
			sent, err := model.Traffic(m.c, processes, rank, false)
			if err != nil {
				return t, err
			}
			*m.sent = max(*m.sent, sent)
		}
	}
	return t, nil
}

// WriteTraffic writes it for people.
func WriteTraffic(w io.Writer, t Traffic) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "%-34s\tthis model\tdense\tratio\t\n", fmt.Sprintf("SENT IN A STEP OF %d PROCESSES", t.Processes))
	row := func(name string, sent, dense int64) {
		ratio := ""
		if dense > 0 {
			ratio = fmt.Sprintf("%.3f", float64(sent)/float64(dense))
		}
		fmt.Fprintf(out, "%-34s\t%s\t%s\t%s\t\n", name, Mebibytes(sent), Mebibytes(dense), ratio)
	}
	row("by the one that sends most", t.Sent, t.DenseSent)
	row("for encoder weights, on average", t.Encoder, t.DenseEncoder)
	return out.Flush()
}

// Cluster is processes, each with a GPU, and what connects them.
type Cluster struct {
	Processes int
	Machine   int     // processes of a machine
	Inner     float64 // bytes a second that each sends to others of its machine
	Outer     float64 // bytes a second that each sends to other machines
}

// Seconds returns how long the messages of a step take in which each process sends sent bytes, as
// many to each of the others, at the rates of the links and with no latency. Both kinds of links
// work at once.
func (c Cluster) Seconds(sent float64) float64 {
	each := sent / float64(c.Processes-1)
	inner := each * float64(c.Machine-1) / c.Inner
	outer := 0.
	if others := c.Processes - c.Machine; others > 0 {
		outer = each * float64(others) / c.Outer
	}
	return max(inner, outer)
}

// Efficiency returns the part of a step that is no waiting for messages: step is how long a step
// takes without any, messages how long these take. The first half of them, gradients, is sent beside
// a backward pass that is the part backward of a step, as far as it fits; the second, new values,
// follows the optimizer.
func Efficiency(step, messages, backward float64) float64 {
	return step / (step + max(0, messages/2-backward*step) + messages/2)
}
