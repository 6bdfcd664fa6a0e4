package settings_test

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// The table keeps what it asks of itself: names that are taken once, defaults that
// are in range, groups in one piece.
func TestTable(t *testing.T) {
	names := map[string]string{}
	seen := map[settings.Group]bool{}
	var group settings.Group
	var c train.Config
	settings.Defaults(&c)
	for _, s := range settings.All() {
		for _, name := range append([]string{s.Flag()}, s.Aliases...) {
			if other, taken := names[name]; taken {
				t.Errorf("flag %s belongs to %s and %s", name, other, s.Key)
			}
			names[name] = s.Key
		}
		if s.Group != group && seen[s.Group] {
			t.Errorf("%s: found group %s again, expected its settings together", s.Key, s.Group)
		}
		group, seen[s.Group] = s.Group, true
		if wrong := s.Wrong(&c); wrong != "" {
			t.Errorf("%s: the default: %s", s.Key, wrong)
		}
		if !reflect.DeepEqual(s.Value(&c), s.Default) {
			t.Errorf("%s: found the default %v, expected %v", s.Key, s.Value(&c), s.Default)
		}
		if s.Help == "" {
			t.Errorf("%s: found no help", s.Key)
		}
		if found, ok := settings.Find(s.Key); !ok || found.Field != s.Field {
			t.Errorf("%s: Find has %v, %q", s.Key, ok, found.Field)
		}
	}
	if _, ok := settings.Find("sparsty"); ok {
		t.Error("found a setting sparsty")
	}
}

func TestOutOfRange(t *testing.T) {
	for want, change := range map[string]func(*train.Config){
		"prune_ratio: found 1.5, expected 0 to 1":                                                         func(c *train.Config) { c.PruneRatio = 1.5 },
		"prune_ratio: found NaN, expected 0 to 1":                                                         func(c *train.Config) { c.PruneRatio = math.NaN() },
		"mlm_probability: found 0, expected above 0 and below 1":                                          func(c *train.Config) { c.MLMProbability = 0 },
		"dropout: found 1, expected 0 or more and below 1 (-1: 0.1 for models larger than Small, else 0)": func(c *train.Config) { c.Dropout = 1 },
		"threads: found 5000, expected 1 to 4096 (0: one a core)":                                         func(c *train.Config) { c.Threads = 5000 },
		"save_steps: found -2, expected 1 or more (0: a tenth of the run, -1: at the end only)":           func(c *train.Config) { c.SaveSteps = -2 },
		"device: found \"tpu\", expected one of auto, cpu, cuda, sim":                                     func(c *train.Config) { c.Device = "tpu" },
		"growth: found number 7, expected one of random, gradient, fan-in, gradient-fan-in":               func(c *train.Config) { c.Growth = 7 },
		"prune_by: found number 7, expected one of norm, saliency":                                        func(c *train.Config) { c.PruneBy = 7 },
	} {
		c := train.DefaultConfig()
		if key, _ := settings.OutOfRange(&c); key != "" {
			t.Fatalf("found %s out of range in the default configuration", key)
		}
		change(&c)
		if key, wrong := settings.OutOfRange(&c); key+": "+wrong != want {
			t.Errorf("found %s: %s, expected %s", key, wrong, want)
		}
	}
	c := train.DefaultConfig()
	c.Threads, c.SaveSteps, c.Dropout, c.WarmupSteps = 0, 0, -1, -1
	if key, wrong := settings.OutOfRange(&c); key != "" {
		t.Errorf("found %s: %s, expected values with a meaning of their own to pass", key, wrong)
	}
}

// What a run has a use for, by hand for each method.
func TestUsedBy(t *testing.T) {
	of := func(change func(*train.Config)) *train.Config {
		c := train.DefaultConfig()
		change(&c)
		return &c
	}
	dense := of(func(c *train.Config) { c.Method = model.Dense })
	static := of(func(c *train.Config) { c.Method = model.Static })
	dynamic := of(func(c *train.Config) { c.Method = model.Dynamic })
	started := of(func(c *train.Config) { c.Method, c.InitFrom = model.Static, "folder" })
	fixed := of(func(c *train.Config) { c.Method = model.Partial })
	magnitude := of(func(c *train.Config) {
		c.Method, c.PartialChoice, c.PartialPhases = model.Partial, sparse.ChooseMagnitude, model.PhasesAlternate
	})
	all := []*train.Config{dense, static, dynamic, started, fixed, magnitude}
	for key, want := range map[string][]*train.Config{
		"seed": all, "model": all,
		"sparsity": all[1:], "block_size": all[1:], "distribution": all[1:],
		"growth": {static, dynamic, started}, "init_rescale": {static, dynamic, started}, "group_lasso": {static, dynamic, started},
		"prune_ratio": {dynamic}, "prune_schedule": {dynamic}, "regrow_pruned": {dynamic}, "ablate_neurons": nil,
		"prune_by": {dynamic}, "prune_age": {dynamic}, "protect_new": {dynamic},
		"prune_norm":     {dynamic, started, magnitude},
		"updates":        {dynamic, magnitude},
		"partial_phases": {fixed, magnitude}, "partial_choice": {fixed, magnitude}, "partial_rest": {fixed, magnitude},
	} {
		s, _ := settings.Find(key)
		var got []*train.Config
		for _, c := range all {
			if s.UsedBy(c) {
				got = append(got, c)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: found %d runs with a use for it (%v), expected %d", key, len(got), s.Used, len(want))
		}
	}
	norm, _ := settings.Find("prune_norm")
	if got, want := norm.Used.String(), "method dynamic; method dynamic or static where init from is given; method partial where partial choice magnitude"; got != want {
		t.Errorf("found %s, expected %s", got, want)
	}
}

// Results of a sweep are read as they were written, in the order of the table.
func TestEncodeDecode(t *testing.T) {
	c := train.DefaultConfig()
	c.Growth, c.Corpus, c.LearningRate, c.Seed = sparse.GrowFanIn, []string{"a"}, 1e-7, math.MaxUint64
	text, err := settings.Encode(&c)
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(text) || !strings.HasPrefix(string(text), `{"model":"tiny","layers":0,`) || !strings.HasSuffix(string(text), `,"logging_steps":20}`) {
		t.Errorf("found %s, expected the settings in the order of the table", text)
	}
	if strings.Contains(string(text), "device") || strings.Contains(string(text), "gradient_checkpointing") {
		t.Errorf("found %s, expected no setting of how a run is carried out", text)
	}
	back := train.DefaultConfig()
	if err := settings.Decode(text, &back); err != nil {
		t.Fatal(err)
	}
	if key, wrote, read, differs := settings.Differs(&c, &back); differs {
		t.Errorf("%s: wrote %s, read %s", key, wrote, read)
	}
	if err := settings.Decode(json.RawMessage(`{"growth":"magic"}`), &back); err == nil || !strings.Contains(err.Error(), "growth") {
		t.Errorf("found %v, expected an error about growth", err)
	}
}

func TestCopy(t *testing.T) {
	from, to := train.DefaultConfig(), train.DefaultConfig()
	from.Corpus, from.Threads, from.Growth = []string{"a"}, 3, sparse.GrowGradient
	for _, key := range []string{"corpus", "threads", "growth"} {
		s, _ := settings.Find(key)
		s.Copy(&to, &from)
	}
	if !reflect.DeepEqual(from, to) {
		t.Errorf("found %+v, expected %+v", to, from)
	}
}
