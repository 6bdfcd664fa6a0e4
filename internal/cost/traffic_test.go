package cost_test

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/cost"
	"github.com/sparsebert/sparsebert-gpu/train"
)

var update = flag.Bool("update", false, "write the table of docs/scaling.md")

// base is the traffic of BERT-Base with the vocabulary it was published with, at s = 0.9.
func base(t *testing.T, processes int) cost.Traffic {
	t.Helper()
	c := train.DefaultConfig()
	c.Model, c.VocabSize, c.Sparsity, c.BlockSize = "base", 30522, 0.9, 16
	m, _, err := train.Shape(c)
	if err != nil {
		t.Fatal(err)
	}
	traffic, err := cost.TrafficOf(m, processes)
	if err != nil {
		t.Fatal(err)
	}
	return traffic
}

// The bytes by hand, from BERT-Base's sizes: V H + 512 H + 2 H embeddings, 12 layers of 12 H^2
// weights, biases and LayerNorm, pooler, MLM transform, decoder bias, NSP. A process sends 8 n (W-1)/W
// on average. Slices of whole units let one send more, norms and counts add little.
func TestTraffic(t *testing.T) {
	const h, v = 768, 30522
	encoder := 12 * 12 * h * h
	rest := v*h + 512*h + 2*h + 2*h + 12*(4*h+4*h+h+4*h) + h*h + h + h*h + h + 2*h + v + 2*h + 2
	tenth := 0 // 48 x 48 blocks, of which a tenth is rounded, four times a layer; 192 x 48 twice
	for _, blocks := range []float64{48 * 48, 48 * 48, 48 * 48, 48 * 48, 192 * 48, 192 * 48} {
		tenth += 12 * 256 * int(math.Round(blocks/10))
	}
	for w, above := range map[int]float64{2: 0.01, 8: 0.1, 64: 0.5} {
		got := base(t, w)
		want := func(n int) float64 { return 8 * float64(n) * float64(w-1) / float64(w) }
		for name, c := range map[string]struct {
			got         int64
			want, above float64
		}{
			"sparse":         {got.Sent, want(tenth + rest), above},
			"dense":          {got.DenseSent, want(encoder + rest), above},
			"encoder":        {got.Encoder, want(tenth), 1e-5},
			"encoder, dense": {got.DenseEncoder, want(encoder), 1e-5},
		} {
			if ratio := float64(c.got) / c.want; !(ratio >= 1-1e-5 && ratio <= 1+c.above) {
				t.Errorf("%d processes, %s: found %d bytes, expected %.0f or at most %v more", w, name, c.got, c.want, c.above)
			}
		}
		if !(float64(got.Encoder) <= 0.11*float64(got.DenseEncoder)) || w == 8 && !(float64(got.Sent) <= 0.31*float64(got.DenseSent)) {
			t.Errorf("%d processes: found %d of %d bytes, %d of %d for the encoder, expected at most 0.31 and 0.11", w, got.Sent, got.DenseSent, got.Encoder, got.DenseEncoder)
		}
	}
	var out bytes.Buffer
	if err := cost.WriteTraffic(&out, cost.Traffic{Processes: 2, Sent: 1 << 20, DenseSent: 4 << 20}); err != nil {
		t.Fatal(err)
	}
	if got := row(t, out.String(), "by the one that sends most"); got != "1.0 MiB 4.0 MiB 0.250" {
		t.Errorf("found %q, expected 1 of 4 MiB", got)
	}
}

func TestCluster(t *testing.T) {
	inMachine := cost.Cluster{Processes: 8, Machine: 8, Inner: 100, Outer: 1}
	if got := inMachine.Seconds(700); got != 7 {
		t.Errorf("one machine: found %v s, expected 700/100", got)
	}
	machines := cost.Cluster{Processes: 64, Machine: 8, Inner: 100, Outer: 10}
	if got := machines.Seconds(630); got != 56 {
		t.Errorf("eight machines: found %v s, expected 10 to each of 56 others at 10 a second", got)
	}
	for _, c := range []struct{ step, messages, backward, want float64 }{{10, 0, 0, 1}, {10, 10, 0, 0.5}, {9, 6, 2. / 3, 0.75}, {3, 6, 2. / 3, 3. / 7}} {
		if got := cost.Efficiency(c.step, c.messages, c.backward); !(math.Abs(got-c.want) <= 1e-12) {
			t.Errorf("%+v: found %v", c, got)
		}
	}
}

const (
	page      = "../../docs/scaling.md"
	pageBegin = "<!-- made by go test ./internal/cost -update -->\n"
	pageEnd   = "<!-- end -->\n"
)

// figures finds numbers of another page, so that the table here is of what stands there.
func figures(t *testing.T, path, pattern string) []float64 {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(pattern).FindSubmatch(text)
	if found == nil {
		t.Fatalf("%s: found no line %s, expected it", path, pattern)
	}
	var out []float64
	for _, f := range found[1:] {
		n, err := strconv.ParseFloat(strings.ReplaceAll(string(f), ",", ""), 64)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		out = append(out, n)
	}
	return out
}

// table is the page's table: rates of the data sheets, and half of them.
func table(t *testing.T) string {
	t.Helper()
	floors := figures(t, "../../docs/performance.md", `\| \*\*together\*\* \| [*\d.]+ \| \*\*([\d.]+)\*\* \| [*\d.]+ \| \*\*([\d.]+)\*\* \|`)
	estimate := figures(t, "../../docs/estimates.md", `\| with what is between them in a graph \| \| [\d,]+ \| \*\*([\d,]+)\*\* \|`)
	var b strings.Builder
	b.WriteString("| GPUs | model | a step alone, ms | one sends, MB | of it to other machines | ms | efficiency | beside the backward pass | at half the rate |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|\n")
	for _, c := range []struct {
		name string
		cost.Cluster
	}{
		{"8, NVLink", cost.Cluster{Processes: 8, Machine: 8, Inner: 450e9, Outer: 50e9}},
		{"64, InfiniBand", cost.Cluster{Processes: 64, Machine: 8, Inner: 450e9, Outer: 50e9}},
	} {
		traffic := base(t, c.Processes)
		for _, m := range []struct {
			name string
			sent int64
			step float64 // ms
		}{
			{"dense, floor", traffic.DenseSent, floors[0]},
			{"s = 0.9, floor", traffic.Sent, floors[1]},
			{"s = 0.9, estimate", traffic.Sent, estimate[0] / 1000},
		} {
			sent := float64(m.sent)
			messages := 1000 * c.Seconds(sent)
			percent := func(messages, backward float64) string {
				return fmt.Sprintf("%.0f %%", 100*cost.Efficiency(m.step, messages, backward))
			}
			fmt.Fprintf(&b, "| %s | %s | %.1f | %.0f | %.0f | %.2f | %s | %s | %s, %s |\n", c.name, m.name, m.step, sent/1e6,
				sent/1e6*float64(c.Processes-c.Machine)/float64(c.Processes-1), messages,
				percent(messages, 0), percent(messages, 2./3), percent(2*messages, 0), percent(2*messages, 2./3))
		}
	}
	return b.String()
}

// The page has the table that follows from the parameter table and from what other pages say of a
// step.
func TestScalingPage(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), pageBegin)
	found, after, ok2 := strings.Cut(rest, pageEnd)
	if !ok || !ok2 {
		t.Fatalf("%s: found no table between %q and %q", page, pageBegin, pageEnd)
	}
	want := table(t)
	if *update {
		if err := os.WriteFile(page, []byte(before+pageBegin+want+pageEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if found != want {
		t.Errorf("%s: found another table than follows from the model and from docs/performance.md and docs/estimates.md; go test ./internal/cost -update writes\n%s", page, want)
	}
}
