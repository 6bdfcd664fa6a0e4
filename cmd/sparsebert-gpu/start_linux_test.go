package main

import (
	"bytes"
	"regexp"
	"strconv"
	"testing"
)

// What packages do before main costs every command. Gorgonia's part is that of verify alone, so it
// must be small; and one that builds large tables, as some package of a terminal once did, is found.
func TestStartIsQuick(t *testing.T) {
	const most = 10.0 // ms, of each package in the quickest of some starts
	form := regexp.MustCompile(`(?m)^init (\S+) @\S+ ms, (\S+) ms clock`)
	least := map[string]float64{}
	for range 5 {
		cmd := ourselves(t, "--version")
		cmd.Env = append(cmd.Env, "GODEBUG=inittrace=1")
		var trace bytes.Buffer
		cmd.Stderr = &trace
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		for _, m := range form.FindAllStringSubmatch(trace.String(), -1) {
			ms, err := strconv.ParseFloat(m[2], 64)
			if err != nil {
				t.Fatal(err)
			}
			if before, ok := least[m[1]]; !ok || ms < before {
				least[m[1]] = ms
			}
		}
	}
	if _, ok := least["gorgonia.org/gorgonia"]; !ok {
		t.Errorf("found no time of gorgonia's in %v", least)
	}
	sum := 0.0
	for name, ms := range least {
		if ms > most {
			t.Errorf("%s: found %.3g ms before main, expected at most %v", name, ms, most)
		}
		sum += ms
	}
	t.Logf("%d packages take %.2f ms before main", len(least), sum)
}
