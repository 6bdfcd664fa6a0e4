package train

import (
	"encoding/json"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
)

// A checkpoint from before a setting existed has the setting's default, so that
// its run can go on.
func TestStateWithoutNewSettings(t *testing.T) {
	c := DefaultConfig()
	c.Seed = 77
	c.resolveEvalBatches() // as in every checkpoint
	m, err := c.resolveModel(c.VocabSize, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _, vocab, err := corpus.DemoStore(1)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(savedState{Config: c, Model: m, Vocab: vocab.Tokens()})
	if err != nil {
		t.Fatal(err)
	}
	whole := map[string]any{}
	if err := json.Unmarshal(text, &whole); err != nil {
		t.Fatal(err)
	}
	config := whole["config"].(map[string]any)
	for _, key := range []string{"PartialPhases", "PartialChoice", "PartialRest"} {
		if _, ok := config[key]; !ok {
			t.Fatalf("found no %s in %v", key, config)
		}
		delete(config, key)
	}
	delete(whole["model"].(map[string]any), "rest")
	if text, err = json.Marshal(whole); err != nil {
		t.Fatal(err)
	}
	got, _, err := readState(&checkpoint.Checkpoint{State: text})
	if err != nil {
		t.Fatal(err)
	}
	c.resolveEvalBatches()
	if key, was, is, differs := settings.Differs(&c, &got.Config); differs {
		t.Errorf("%s: found %s, expected %s", key, is, was)
	}
}
