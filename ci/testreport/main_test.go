package main

import (
	"strings"
	"testing"
)

// run feeds a stream and returns the verdict and what was printed.
func run(t *testing.T, stream string) (bool, string) {
	t.Helper()
	var out strings.Builder
	r := &report{out: &out, output: map[string][]string{}, builds: map[string][]string{}, sawTest: map[string]bool{}}
	if err := r.read(strings.NewReader(stream)); err != nil {
		t.Fatal(err)
	}
	ok := r.finish()
	return ok, out.String()
}

func TestVerdicts(t *testing.T) {
	pass := `{"Action":"pass","Package":"p","Test":"TestA"}` + "\n" + `{"Action":"pass","Package":"p"}` + "\n"
	cases := []struct {
		name, stream string
		ok           bool
		says         string
	}{
		{"pass", pass, true, "1 passed, 0 failed, 0 skipped"},
		{"skip is shown with its reason", pass + `{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:3: no data\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
`, true, "p TestB: b_test.go:3: no data"},
		{"slow tests are named, the slowest first", pass + `{"Action":"pass","Package":"p","Test":"TestD","Elapsed":2}
{"Action":"pass","Package":"p","Test":"TestE","Elapsed":30.5}
{"Action":"pass","Package":"p","Test":"TestE/part","Elapsed":30}
`, true, "slowest:\n    30.5 s  p TestE\n     2.0 s  p TestD\n\n"},
		{"failed test", pass + `{"Action":"output","Package":"p","Test":"TestC","Output":"got 1\n"}
{"Action":"fail","Package":"p","Test":"TestC"}
{"Action":"fail","Package":"p"}
`, false, "got 1"},
		{"panic outside a test", pass + `{"Action":"output","Package":"q","Output":"panic: boom\n"}
{"Action":"fail","Package":"q"}
`, false, "panic: boom"},
		{"build failure", pass + `{"Action":"build-output","ImportPath":"q","Output":"undefined: x\n"}
{"Action":"build-fail","ImportPath":"q"}
{"Action":"fail","Package":"q","FailedBuild":"q"}
`, false, "undefined: x"},
		{"complaint of the go command", "no required module\n" + pass, false, "no required module"},
		{"nothing ran", "", false, "no test passed"},
	}
	for _, c := range cases {
		ok, out := run(t, c.stream)
		if ok != c.ok || !strings.Contains(out, c.says) {
			t.Errorf("%s: verdict %v, want %v; output %q should contain %q", c.name, ok, c.ok, out, c.says)
		}
	}
}
