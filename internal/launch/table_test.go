package launch_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/launch"
)

var update = flag.Bool("update", false, "write the table of docs/kernels.md")

const (
	page  = "../../docs/kernels.md"
	begin = "<!-- made by go test ./internal/launch -update -->\n"
	end   = "<!-- end -->\n"
)

// table is the decisions for the weights of BERT-Base on an H200 in Markdown.
func table(t *testing.T) string {
	t.Helper()
	const tokens, hidden, ffn = 65536, 768, 3072
	h200 := devices[0]
	var b strings.Builder
	b.WriteString("| product | I -> O | dtype, B | kernel | grid | threads | shared KiB | `tile` | split-K | reads of x, y, w |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|\n")
	row := func(op string, w launch.Weight, what string, p launch.Plan) {
		number := func(n int) string {
			if n == 0 {
				return ""
			}
			return fmt.Sprint(n)
		}
		grid := fmt.Sprintf("%d x %d", p.Grid.X, max(1, p.Grid.Y))
		if p.Grid.Z > 1 {
			grid += fmt.Sprintf(" x %d", p.Grid.Z)
		}
		fmt.Fprintf(&b, "| %s | %d -> %d | %s | %s | %s | %d | %.1f | %s | %s | %d, %d, %d |\n", op, w.In, w.Out, what, p.Kernel, grid, p.Block.X,
			float64(p.Shared)/1024, number(p.Tile), number(p.Splits), p.Reads.X, p.Reads.Y, p.Reads.W)
	}
	weight := func(out, in, block int) launch.Weight {
		w := launch.Weight{Out: out, In: in, Block: block}
		if block > 0 {
			w.NNZB = (out/block*(in/block) + 5) / 10
		}
		return w
	}
	for op := range launch.SDD + 1 {
		for _, s := range [][2]int{{ffn, hidden}, {hidden, ffn}} {
			for _, block := range []int{64, 32, 16, 8, 4, 1, 0} {
				w := weight(s[0], s[1], block)
				p, err := launch.Product(h200, backend.BF16, op, w, tokens)
				if err != nil {
					t.Fatal(err)
				}
				what := fmt.Sprintf("bf16, %d", block)
				if block == 0 {
					what = "bf16, dense"
				}
				row(op.String(), w, what, p)
			}
			w := weight(s[0], s[1], 16)
			p, err := launch.Product(h200, backend.F32, op, w, tokens)
			if err != nil {
				t.Fatal(err)
			}
			row(op.String(), w, "fp32, 16", p)
		}
		w := weight(hidden, hidden, 16)
		p, ok := launch.QKV(h200, backend.BF16, op, []launch.Weight{w, w, w}, tokens)
		if !ok {
			t.Fatal("found no plan for query, key and value")
		}
		row(op.String()+" of q, k, v", w, "bf16, 16", p)
	}
	return b.String()
}

// TestTable: the page's table is what Product and QKV decide.
func TestTable(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(text), begin)
	found, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s: found no table between %q and %q", page, begin, end)
	}
	want := "\n" + table(t) + "\n"
	if found == want {
		return
	}
	if *update {
		if err := os.WriteFile(page, []byte(head+begin+want+end+tail), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s: found another table than the decisions (go test ./internal/launch -update writes it):\n%s", page, want)
}
