package cost

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/sparsebert/sparsebert-gpu/model"
)

// Traffic is what a process sends in a step that several share (docs/scaling.md), in bytes: its
// gradients in slices to those that add them, and the sums of its own slice to all.
type Traffic struct {
	Processes int `json:"processes"`
	// 8 n (W-1)/W for the n stored weights of the model, and of the dense one: two times four bytes
	// of each weight, but for the part that stays.
	Sent      int64 `json:"sent_bytes"`
	DenseSent int64 `json:"dense_sent_bytes"`
	// Of these, what encoder weights make.
	Encoder      int64 `json:"encoder_sent_bytes"`
	DenseEncoder int64 `json:"dense_encoder_sent_bytes"`
}

// TrafficOf returns the traffic of a model that a number of processes, at least 1, share.
func TrafficOf(e model.CostEstimate, processes int) Traffic {
	sent := func(n int64) int64 { return 8 * n / int64(processes) * int64(processes-1) }
	return Traffic{
		Processes: processes, Sent: sent(e.Stored), DenseSent: sent(e.Parameters),
		Encoder: sent(e.EncoderActive), DenseEncoder: sent(e.Encoder),
	}
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
	row("by each", t.Sent, t.DenseSent)
	row("  for encoder weights", t.Encoder, t.DenseEncoder)
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
// takes without any, messages how long these take, and hidden the part of the step beside which
// they may be sent.
func Efficiency(step, messages, hidden float64) float64 {
	return step / (step + max(0, messages-hidden*step))
}
