package train

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/settings"
)

// Every field of Config has one setting, with the field's key and type, in the same
// order.
func TestSettingsAreTheConfig(t *testing.T) {
	var c Config
	v := reflect.ValueOf(&c).Elem()
	all := settings.All()
	if len(all)+2 != v.NumField() || v.Type().Field(len(all)).Name != "Given" || v.Type().Field(len(all)+1).Name != "pin" {
		t.Fatalf("found %d settings and %d fields, expected as many, Given and pin", len(all), v.NumField())
	}
	for i, s := range all {
		f := v.Type().Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if f.Name != s.Field || key != s.Key || f.Type != reflect.TypeOf(s.Default) {
			t.Errorf("field %d: found %s %s of key %s, expected %s %T of key %s", i, f.Name, f.Type, f.Tag.Get("yaml"), s.Field, s.Default, s.Key)
		}
		if reflect.ValueOf(s.Pointer(&c)).Pointer() != v.Field(i).Addr().Pointer() {
			t.Errorf("setting %s points to another field", s.Key)
		}
	}
}

func TestParseConfig(t *testing.T) {
	c := DefaultConfig()
	if err := parseConfig("run.yaml", []byte("model: mini\nmax_steps: 12\ncorpus: [a.txt, b]\nsparsity: 0.5 # half\n"), &c); err != nil {
		t.Fatal(err)
	}
	if c.Model != "mini" || c.MaxSteps != 12 || len(c.Corpus) != 2 || c.Sparsity != 0.5 || c.BlockSize != 16 {
		t.Errorf("found %+v", c)
	}
	if err := parseConfig("empty.yaml", nil, &c); err != nil {
		t.Errorf("an empty file: %v", err)
	}
}

func TestParseConfigErrors(t *testing.T) {
	for _, bad := range []struct{ text, says string }{
		{"model: mini\nsparsty: 0.5\n", "bad.yaml:2:"},
		{"model: mini\nmodel: tiny\n", "bad.yaml:2:"},
		{"\nmax_steps: many\n", "bad.yaml:2:"},
		{"max_steps: [1]\n", "bad.yaml:1:"},
		{"model: [\n", "bad.yaml:"},
		{"- model\n", "bad.yaml:1:"},
		{"- model\n- tiny\n", "bad.yaml:1: found a list"},
		{"tiny\n", "bad.yaml:1:"},
		{"seed: 1\n\nseed: 2\n", `bad.yaml:3: found key "seed" again, first on line 1`},
		{"seed: 1\n---\nseed: 2\n", "bad.yaml:3: found a second document"},
		{"seed: 1\nupdates: 2.5\n", `bad.yaml:2: updates: found "2.5", expected a whole number`},
		{"updates: \"3\"\n", "expected a whole number"},
		{"seed: -1\n", "bad.yaml:1:"},
		{"updates: 99999999999999999999\n", "bad.yaml:1:"},
		{"updates:\n", "updates: found nothing"},
		{"learning_rate: null\n", "learning_rate: found nothing"},
		{"learning_rate: \"0.1\"\n", "expected a number"},
		{"seed: 3\nlearning_rate: .nan\n", "bad.yaml:2: learning_rate: found NaN"},
		{"learning_rate: -0.5\n", "bad.yaml:1: learning_rate: found -0.5"},
		{"weight_decay: .inf\n", "bad.yaml:1: weight_decay: found +Inf"},
		{"device: tpu\n", "bad.yaml:1: device"},
		{"model: 5\n", "expected text"},
		{"model: huge\n", `bad.yaml:1: model: found "huge", expected one of tiny, mini`},
		{"seed: 1\nprune_norm: l3\n", `bad.yaml:2: prune_norm: found "l3", expected one of l1, l2, linf`},
		{"growth: 1\n", `bad.yaml:1: growth: found "1", expected text`},
		{"growth: magic\n", `growth: found "magic", expected one of random, gradient, fan-in`},
		{"prune_schedule: step\n", `prune_schedule: found "step"`},
		{"distribution: er\n", `distribution: found "er"`},
		{"method: rigl\n", `method: found "rigl"`},
		{"init: zeros\n", `init: found "zeros"`},
		{"partial_phases: never\n", `partial_phases: found "never"`},
		{"partial_choice: best\n", `partial_choice: found "best"`},
		{"partial_rest: gone\n", `partial_rest: found "gone"`},
		{"model: {a: 1}\n", "found a mapping"},
		{"regrow_pruned: yes\n", "expected true or false"},
		{"corpus: a.txt\n", "expected a list"},
		{"corpus: [a.txt, 3]\n", "expected a list"},
		{"<<: {seed: 3}\n", "bad.yaml:1:"},
		{"model: &x tiny\n", "bad.yaml:1: model"},
		{"seed: 1\nmodel: \"a\x00b\"\n", "bad.yaml:2: found binary data at byte 17"},
		{"seed: 1\nmodel: \xff\n", "bad.yaml:2: found binary data at byte 15"},
	} {
		c := DefaultConfig()
		before := DefaultConfig()
		err := parseConfig("bad.yaml", []byte(bad.text), &c)
		if !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), bad.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: found %v, expected one line with %s", bad.text, err, bad.says)
		}
		if !reflect.DeepEqual(c, before) {
			t.Errorf("%q: the configuration changed", bad.text)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte("model: mini\nmax_steps: 3\n"))
	f.Add([]byte("model: &a tiny\nvocab: *a\n"))
	f.Add([]byte("corpus:\n- x\n- y\n"))
	f.Add([]byte("{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := DefaultConfig()
		if err := parseConfig("f", data, &c); err != nil {
			if !errors.Is(err, ErrUsage) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q: found %v, expected one line that is ErrUsage", data, err)
			}
			return
		}
		text, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		var again Config
		if err := parseConfig("again", text, &again); err != nil {
			t.Errorf("%q reads, but not what it encodes to (%q): %v", data, text, err)
		}
	})
}

func TestEncodedConfigReadsBack(t *testing.T) {
	c := DefaultConfig()
	c.Corpus = []string{"a b", "c: d", "é"}
	c.LearningRate = 0.1 + 0.2
	c.WeightDecay, c.GroupLasso, c.MaxGradNorm = 1e-7, 1e-20, 3e21
	c.InitFrom, c.Vocab, c.OutputDir = "2024", "null", "1e3"
	c.Seed = math.MaxUint64
	text, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var again Config
	if err := parseConfig("again", text, &again); err != nil {
		t.Fatal(err)
	}
	if key, a, b, differs := settings.Differs(&c, &again); differs {
		t.Errorf("%s: wrote %s, read %s", key, a, b)
	}
}

func TestHashSeesWhatDeterminesTheNumbers(t *testing.T) {
	base := DefaultConfig()
	want, err := base.Hash()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range settings.All() {
		c := DefaultConfig()
		switch v := s.Pointer(&c).(type) {
		case *string:
			*v += "x"
		case *bool:
			*v = !*v
		case *int:
			*v++
		case *int64:
			*v++
		case *uint64:
			*v++
		case *float64:
			*v += 0.25
		case *[]string:
			*v = append(*v, "x")
		default: // an enumeration
			e := reflect.ValueOf(v).Elem()
			e.SetUint(e.Uint() + 1)
		}
		got, err := c.Hash()
		if err != nil {
			t.Fatal(err)
		}
		if (got == want) != s.Running {
			t.Errorf("%s: a change must show in the hash: %v", s.Key, !s.Running)
		}
		// Of texts what they hold counts, which the fingerprint tells, not where they are.
		if key, _, _, differs := settings.Differs(&base, &c); differs != !(s.Running || s.Path) || differs && key != s.Key {
			t.Errorf("%s: Differs says %v, %q", s.Key, differs, key)
		}
	}
}

func TestNumbersOutOfRange(t *testing.T) {
	for _, bad := range []struct {
		key    string
		change func(*Config)
	}{
		{"prune_ratio", func(c *Config) { c.PruneRatio = math.NaN() }},
		{"prune_ratio", func(c *Config) { c.PruneRatio = 1.5 }},
		{"learning_rate", func(c *Config) { c.LearningRate = -1 }},
		{"learning_rate", func(c *Config) { c.LearningRate = math.Inf(1) }},
		{"weight_decay", func(c *Config) { c.WeightDecay = math.NaN() }},
		{"warmup_steps", func(c *Config) { c.WarmupSteps = c.MaxSteps + 1 }},
		{"max_steps", func(c *Config) { c.MaxSteps = 0 }},
		{"batch_size", func(c *Config) { c.BatchSize = -4 }},
		{"replicas", func(c *Config) { c.Replicas, c.Accumulation = 3, 3 }},
		{"replicas", func(c *Config) { c.Replicas = -1 }},
		{"gradient_accumulation_steps", func(c *Config) { c.Replicas, c.Accumulation = 4, 6 }},
		{"dropout", func(c *Config) { c.Dropout = 1 }},
		{"dropout", func(c *Config) { c.Dropout = math.NaN() }},
		{"device", func(c *Config) { c.Device = "tpu" }},
		{"precision", func(c *Config) { c.Precision = "fp16" }},
		{"mlm_probability", func(c *Config) { c.MLMProbability = 0 }},
		{"seq_len", func(c *Config) { c.SeqLen = 513 }},
		{"heads", func(c *Config) { c.Heads = 3 }},
		{"block", func(c *Config) { c.BlockSize = 64; c.Hidden = 160; c.Heads = 4 }},
		{"block", func(c *Config) { c.BlockSize = 5 }},
		{"sparsity", func(c *Config) { c.Sparsity = 1 }},
		{"sparsity", func(c *Config) { c.Sparsity = 0.9999 }},
		{"prune_norm", func(c *Config) { c.PruneNorm = 9 }},
		{"partial_phases", func(c *Config) { c.PartialPhases = 9 }},
		{"partial_choice", func(c *Config) { c.PartialChoice = 9 }},
		{"partial_rest", func(c *Config) { c.PartialRest = 9 }},
		{"growth", func(c *Config) { c.Growth = 9 }},
		{"prune_schedule", func(c *Config) { c.PruneSchedule = 9 }},
		{"distribution", func(c *Config) { c.Distribution = 9 }},
		{"method", func(c *Config) { c.Method = 9 }},
		{"init", func(c *Config) { c.Init = 9 }},
		{"model", func(c *Config) { c.Model = "huge" }},
	} {
		c := DefaultConfig()
		bad.change(&c)
		_, err := NewPlan(t.Context(), c, nil)
		if err == nil || !IsUsage(err) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), bad.key) {
			t.Errorf("%s: found error %v, expected one line about it for which IsUsage holds", bad.key, err)
		}
	}
}

func TestDefaultPhases(t *testing.T) {
	for _, c := range []struct {
		steps int64
		block int
		want  int
	}{{1, 16, 1}, {99, 16, 1}, {1500, 16, 15}, {8000, 16, 80}, {757000, 16, 80}, {757000, 1, 160}, {9000, 1, 90}} {
		if got := defaultPhases(c.steps, c.block); got != c.want {
			t.Errorf("%d steps, B = %d: found %d phases, expected %d", c.steps, c.block, got, c.want)
		}
	}
}

// With epochs the number of steps is known only once the data is there; until
// then nothing may be called too long for the run.
func TestEpochsWithUpdatesAndWarmup(t *testing.T) {
	c := DefaultConfig()
	c.Epochs, c.Updates, c.WarmupSteps, c.MaxSteps = 1, 40, 20, 1
	p, err := NewPlan(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := int64(math.Round(float64(p.Text.TrainExamples) / float64(c.BatchSize)))
	if p.Config.MaxSteps != want || len(p.UpdateAt) != 39 {
		t.Errorf("found %d steps and %d updates, expected %d and 39", p.Config.MaxSteps, len(p.UpdateAt), want)
	}
	many := c
	many.Epochs = 100 // more steps than a run may have, were the text as large as any
	if p, err = NewPlan(t.Context(), many, nil); err != nil || p.Config.MaxSteps < 99*want {
		t.Errorf("100 epochs: found the error %v, expected about %d steps", err, 100*want)
	}
	for _, bad := range []func(*Config){
		func(c *Config) { c.Epochs, c.BatchSize = 1e6, 1 },
		func(c *Config) { c.Updates = 1 << 20 },
		func(c *Config) { c.WarmupSteps = 1 << 20 },
	} {
		long := c
		bad(&long)
		if _, err := NewPlan(t.Context(), long, nil); !IsUsage(err) {
			t.Errorf("found %v, expected an error for which IsUsage holds", err)
		}
	}
}

func TestLearningRate(t *testing.T) {
	const peak, warmup, total = 2.0, 4, 12
	want := []float64{0.5, 1, 1.5, 2, 2, 1.75, 1.5, 1.25, 1, 0.75, 0.5, 0.25}
	for done, w := range want {
		if got := learningRate(peak, int64(done), warmup, total); !(math.Abs(got-w) < 1e-12) {
			t.Errorf("step %d: found %v, expected %v", done, got, w)
		}
	}
	if got := learningRate(peak, 3, 0, 0); got != peak {
		t.Errorf("no schedule: found %v, expected %v", got, peak)
	}
}
