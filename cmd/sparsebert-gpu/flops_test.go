package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/exit"
)

// flops --processes counts what one of them sends, as a table and as JSON beside the other counts.
func TestFlopsOfProcesses(t *testing.T) {
	code, out, errs := invoke("flops", "--model", "mini", "--processes", "4")
	if code != 0 || !strings.Contains(out, "SENT IN A STEP OF 4 PROCESSES") || !strings.Contains(out, "PARAMETERS") {
		t.Errorf("exit code %d, %q, %q", code, out, errs)
	}
	code, out, errs = invoke("flops", "--model", "mini", "--processes", "4", "--json")
	var found struct {
		Stored  int64 `json:"stored_parameters"`
		Traffic struct {
			Processes int
			Sent      int64 `json:"sent_bytes"`
		}
	}
	if err := json.Unmarshal([]byte(out), &found); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v: %s", code, err, errs)
	}
	// 8 n 3/4 bytes on average, and at least that of the one that sends most.
	if least := found.Stored * 6; found.Traffic.Processes != 4 || found.Traffic.Sent < least || found.Traffic.Sent > least*5/4 || least == 0 {
		t.Errorf("found %+v, expected at least %d bytes and at most a quarter more", found, least)
	}
	if _, out, _ := invoke("flops", "--model", "mini", "--json"); strings.Contains(out, "traffic") {
		t.Errorf("found traffic in %s, expected none of one process", out)
	}
	for _, n := range []string{"1", "0", "-4", "1025", "two"} {
		if code, _, errs := invoke("flops", "--processes", n); code != exit.Usage || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: exit code %d, %q, expected 2 and one line", n, code, errs)
		}
	}
}
