package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/bench"
	"github.com/sparsebert/sparsebert-gpu/internal/exit"
)

// quickBench are flags of a benchmark that takes a moment.
func quickBench(more ...string) []string {
	return append([]string{"bench", "--device", "cpu", "--shape", "64x128", "--tokens", "32", "--repeats", "3", "--threads", "1"}, more...)
}

func TestBenchJSON(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: TestSignalEndsBench is enough to look for races")
	}
	code, out, errs := invoke(quickBench("--json", "--block", "4,16", "--op", "dsd,sdd", "--sparsity", "0.5,0.75")...)
	if code != exit.Done || errs != "" {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var all []map[string]any
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatal(err)
	}
	var cases []string
	for _, r := range all {
		cases = append(cases, fmt.Sprintf("%v %v %v", r["sparsity"], r["block"], r["op"]))
		for name, want := range map[string]any{"tokens": 32.0, "in": 64.0, "out": 128.0, "threads": 1.0, "device": "cpu", "precision": "fp32", "repeats": 3.0, "clock": "host"} {
			if r[name] != want {
				t.Errorf("%s: found %v, expected %v", name, r[name], want)
			}
		}
		for _, name := range []string{"seconds_median", "seconds_min", "seconds_max", "useful_gflops", "dense_gflops", "eps", "speedup", "bytes_floor", "gbytes_per_second", "floor_fraction"} {
			if v, ok := r[name].(float64); !ok || !(v > 0) {
				t.Errorf("%s: found %v, expected a positive number", name, r[name])
			}
		}
		if kernel, _ := r["kernel"].(string); !strings.HasSuffix(kernel, ", blocks") {
			t.Errorf("found kernel %q", kernel)
		}
	}
	want := []string{"0.5 4 dsd", "0.5 4 sdd", "0.5 16 dsd", "0.5 16 sdd", "0.75 4 dsd", "0.75 4 sdd", "0.75 16 dsd", "0.75 16 sdd"}
	if !slices.Equal(cases, want) {
		t.Errorf("found cases %q, expected %q", cases, want)
	}
}

// aligned returns the rows of a table, whose columns must stand under their heading.
func aligned(t *testing.T, out, heading string) (rows []string) {
	t.Helper()
	lines := strings.Split(out, "\n")
	at := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "op ") })
	if at < 0 {
		t.Fatalf("found no heading in %q", out)
	}
	if !strings.Contains(lines[at], heading) {
		t.Errorf("found heading %q, expected %q in it", lines[at], heading)
	}
	end := strings.Index(lines[at], "in x out") + len("in x out")
	for _, l := range lines[at+1:] {
		if l == "" {
			break
		}
		if len(l) <= end || l[end] != ' ' || l[end-1] == ' ' {
			t.Errorf("row %q is not aligned with its heading %q", l, lines[at])
		}
		rows = append(rows, l)
	}
	return rows
}

func TestBenchTable(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: TestSignalEndsBench is enough to look for races")
	}
	code, out, errs := invoke(quickBench("--block=1,32", "--sparsity", "0.75")...)
	if code != exit.Done || errs != "" {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	rows := aligned(t, out, "useful")
	if len(rows) != 6 || !strings.Contains(rows[0], " x ") || !strings.Contains(rows[0], "elements") || !strings.Contains(rows[3], "blocks") {
		t.Errorf("found rows %q", rows)
	}
	for _, word := range []string{"median of 3 samples", "fp32", "plain copy"} {
		if !strings.Contains(out, word) {
			t.Errorf("found no %q in %s", word, out)
		}
	}
	code, out, _ = invoke(quickBench("--op", "dds", "--dense=false")...)
	if rows := aligned(t, out, "useful"); code != exit.Done || len(rows) != 1 || strings.Contains(rows[0], " x ") {
		t.Errorf("without the dense product: exit code %d, rows %q", code, rows)
	}
}

func TestBenchOnTheSimulator(t *testing.T) {
	args := []string{"bench", "--device", "sim", "--shape", "64x64", "--tokens", "32", "--sparsity", "0.5"}
	code, out, errs := invoke(append(args, "--op", "dsd", "--precision", "bf16,fp32")...)
	if code != exit.Done || errs != "" {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	if strings.Count(out, "COUNTS OF A SIMULATION, NO TIMES") != 2 || strings.Contains(out, " us") || strings.Contains(out, "GFLOP") {
		t.Errorf("found %s", out)
	}
	if rows := aligned(t, out, "conflicts"); len(rows) != 1 || !strings.Contains(rows[0], "dsd_b16") {
		t.Errorf("found rows %q", rows)
	}
	code, out, errs = invoke(append(args, "--json")...)
	if code != exit.Done {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var all []bench.Counted
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 3 {
		t.Fatalf("found %d cases, expected 3", len(all))
	}
	for _, r := range all {
		// Tensor cores do 16 x 8 x 16 products a matrix instruction at the most.
		if least := r.FLOPs() / 2 / (16 * 8 * 16); r.Total.MatrixInstructions < least || r.Total.WarpInstructions <= r.Total.MatrixInstructions {
			t.Errorf("%s: found %+v, expected %d matrix instructions or more", r.Op, r.Total, least)
		}
		if r.Kernel != "tensor cores, blocks of 16" || r.Device != "sim" || r.Precision != "bf16" || r.BytesFloor != r.FloorBytes(2) || len(r.Kernels) == 0 {
			t.Errorf("%s: found %+v", r.Op, r)
		}
		if !(r.Total.LoadBytes > 0 && r.Total.StoreBytes > 0 && r.Total.FloorRatio > 0) {
			t.Errorf("%s: found %+v, expected bytes", r.Op, r.Total)
		}
	}
}

func TestBenchBadInput(t *testing.T) {
	for _, bad := range []badInput{
		{"op", quickBench("--op", "dsd,ddd"), []string{`--op: found "ddd"`}},
		{"empty op", quickBench("--op="), []string{`--op: found ""`}},
		{"block", quickBench("--block", "24"), []string{"--block: found 24"}},
		{"block that is none", quickBench("--block", "16,x"), []string{`--block: found "x", expected a whole number`}},
		{"shape", quickBench("--shape", "768"), []string{`--shape: found "768", expected INxOUT`}},
		{"shape of three", quickBench("--shape", "64x64x64"), []string{`--shape: found "64x64x64", expected INxOUT`}},
		{"shape and block", quickBench("--shape", "64x72"), []string{"--shape: found 64x72, expected multiples of the block 16"}},
		{"sparsity", quickBench("--sparsity", "1.2"), []string{"--sparsity: found 1.2"}},
		{"NaN sparsity", quickBench("--sparsity", "NaN"), []string{"--sparsity: found NaN"}},
		{"sparsity that is none", quickBench("--sparsity", "most"), []string{`--sparsity: found "most", expected a number`}},
		{"nothing left", quickBench("--sparsity", "0.999"), []string{"--sparsity: found 0.999"}},
		{"tokens", quickBench("--tokens", "0"), []string{"--tokens: found 0"}},
		{"too many tokens", quickBench("--tokens", "99999999999"), []string{"--tokens: found 99999999999"}},
		{"overlong tokens", quickBench("--tokens", "99999999999999999999"), []string{"--tokens", "99999999999999999999"}},
		{"threads", quickBench("--threads", "-1"), []string{`--threads: found "-1"`}},
		{"precision of the cpu", quickBench("--precision", "bf16"), []string{`--precision: found "bf16"`}},
		{"precision", []string{"bench", "--device", "sim", "--precision", "fp8"}, []string{`--precision: found "fp8"`}},
		{"repeats", quickBench("--repeats", "0"), []string{"--repeats: found 0"}},
		{"device", []string{"bench", "--device", "abacus"}, []string{`"abacus"`, "cuda"}},
		{"stray argument", quickBench("more"), []string{`"more"`}},
		{"unknown flag", quickBench("--blok", "4"), []string{"--blok", "`sparsebert-gpu bench --help`"}},
	} {
		t.Run(bad.name, func(t *testing.T) { bad.check(t) })
	}
}
