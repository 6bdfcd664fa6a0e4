package sweep

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// What a run is follows the file as it is now: one that tried a rate and then is one of the grid
// takes part in what is reported, and the other way round.
func TestRolesFollowTheFile(t *testing.T) {
	file := smallSweep(t)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(text), "groups:")
	out := t.TempDir() + "/out"
	roles := map[string][]string{}
	for _, groups := range []string{
		"    cross: {seed: [1]}\n    tune: {learning_rate: [0.0003, 0.003]}\n",
		"    cross: {seed: [2], learning_rate: [0.0003, 0.003]}\n",
		"    cross: {seed: [1]}\n    tune: {learning_rate: [0.0003, 0.003]}\n",
	} {
		if err := os.WriteFile(file, []byte(head+"groups:\n  - name: dense\n    set: {method: dense}\n"+groups), 0o644); err != nil {
			t.Fatal(err)
		}
		s := newSweep(t, file, out, 1, &quiet{})
		if err := s.Do(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, r := range s.Results() {
			roles[r.Name] = append(roles[r.Name], r.Role)
		}
	}
	for _, name := range []string{"dense-seed2-lr0.0003", "dense-seed2-lr0.003"} {
		if want := []string{RoleCandidate, RoleRun, RoleCandidate}; !slices.Equal(roles[name], want) {
			t.Errorf("%s: found the roles %q, expected %q (all: %q)", name, roles[name], want, roles)
		}
	}
}

// A result that says done and has no loss, as a hand may leave it, is refused and ends nothing.
func TestDoneWithoutLoss(t *testing.T) {
	path := t.TempDir() + "/results.jsonl"
	if err := os.WriteFile(path, []byte(`{"name":"a","group":"g","config":{},"status":"done","mlm_loss":null}`+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := readResults(path); err == nil || !strings.Contains(err.Error(), ":1: found") {
		t.Errorf("found error %v, expected one of the first line", err)
	}
}
