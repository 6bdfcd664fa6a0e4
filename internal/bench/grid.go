package bench

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/device"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// The defaults of each device. The simulator runs some ten thousand times slower.
var (
	standardTokens    = map[string]string{"cpu": "4096", "cuda": "65536", "sim": "256"}
	standardPrecision = map[string]string{"cpu": "fp32", "cuda": "bf16", "sim": "bf16"}
)

// axis is a flag whose values are crossed with those of the others.
type axis[T any] struct {
	flag     string
	standard string                                      // where it is not given
	set      func(one *T, word string) (expected string) // "": it could be set
}

// cross returns every combination of the values of the axes, those of the last one varying fastest.
func cross[T any](r Request, base T, axes []axis[T]) ([]T, error) {
	grid := []T{base}
	for _, a := range axes {
		words := r.words(a.flag, a.standard)
		if a.flag == "shape" {
			words = shapesOf(words)
		}
		var next []T
		for _, one := range grid {
			for _, word := range words {
				one := one
				if expected := a.set(&one, word); expected != "" {
					return nil, usage.Errorf("bench: --%s: found %q, expected %s", a.flag, word, expected)
				}
				next = append(next, one)
			}
		}
		grid = next
	}
	return grid, nil
}

// words splits the values of a flag at commas.
func (r Request) words(flag, standard string) []string {
	values, given := r.Lists[flag]
	if !given {
		values = []string{standard}
	}
	var words []string
	for _, v := range values {
		for word := range strings.SplitSeq(v, ",") {
			words = append(words, strings.TrimSpace(word))
		}
	}
	return words
}

// productCases returns the products that the lists ask for.
func (r Request) productCases(device string) ([]Case, error) {
	sparsities := "0.9"
	if r.Crossover {
		sparsities = "0.5,0.6,0.7,0.8,0.9,0.95"
	}
	cases, err := cross(r, Case{}, []axis[Case]{
		{"shape", "768x3072", readShape},
		{"tokens", standardTokens[device], func(c *Case, word string) string { return readInt(&c.Tokens, word) }},
		{"sparsity", sparsities, func(c *Case, word string) string { return readFloat(&c.Sparsity, word) }},
		{"block", "16", func(c *Case, word string) string { return readInt(&c.Block, word) }},
		{"op", strings.Join(Ops, ","), func(c *Case, word string) string { c.Op = word; return "" }},
	})
	if err != nil {
		return nil, err
	}
	for _, c := range cases {
		if err := c.Check(); err != nil {
			return nil, usage.Errorf("bench: --%w", err)
		}
	}
	return cases, nil
}

// stepCases returns the training steps that the lists ask for.
func (r Request) stepCases(device string) ([]Step, error) {
	name, batch := "base", "256"
	if device == "cpu" {
		name, batch = "tiny", "16"
	}
	base := train.DefaultConfig()
	base.VocabSize = r.VocabSize
	configs, err := cross(r, base, []axis[train.Config]{
		{"model", name, readModel},
		{"seq-len", "128", func(c *train.Config, word string) string { return readInt(&c.SeqLen, word) }},
		{"batch-size", batch, func(c *train.Config, word string) string { return readInt(&c.BatchSize, word) }},
		{"sparsity", "0.9", func(c *train.Config, word string) string { return readFloat(&c.Sparsity, word) }},
		{"block", "16", func(c *train.Config, word string) string { return readInt(&c.BlockSize, word) }},
	})
	if err != nil {
		return nil, err
	}
	var steps []Step
	for _, c := range configs {
		if c.Sparsity == 0 {
			c.Method = model.Dense
		}
		m, o, err := train.Shape(c)
		if err != nil {
			return nil, usage.Mark(fmt.Errorf("bench: %w", err))
		}
		steps = append(steps, Step{Config: m, Options: o})
	}
	return steps, nil
}

// setups returns the ways to open the device that the lists ask for.
func (r Request) setups(name string) ([]device.Settings, error) {
	var list []device.Settings
	for _, precision := range r.words("precision", standardPrecision[name]) {
		if precision != "fp32" && (precision != "bf16" || name == "cpu") {
			return nil, usage.Errorf("bench: --precision: found %q, expected fp32, or on cuda and sim bf16", precision)
		}
		for _, word := range r.words("threads", "0") {
			s := device.Settings{Device: name, Precision: precision}
			if expected := readInt(&s.Threads, word); expected != "" || s.Threads < 0 || s.Threads > settings.MaxThreads {
				return nil, usage.Errorf("bench: --threads: found %q, expected 0 to %d", word, settings.MaxThreads)
			}
			list = append(list, s)
		}
	}
	return list, nil
}

// shapesOf puts the shapes of its three kinds of weights in the place of a model's name.
func shapesOf(words []string) []string {
	var shapes []string
	for _, word := range words {
		p, err := model.Preset(word)
		if err != nil {
			shapes = append(shapes, word)
			continue
		}
		for _, s := range [][2]int{{p.Hidden, p.Hidden}, {p.Hidden, p.FFN}, {p.FFN, p.Hidden}} {
			shapes = append(shapes, fmt.Sprintf("%dx%d", s[0], s[1]))
		}
	}
	return shapes
}

func readInt(at *int, word string) (expected string) {
	n, err := strconv.Atoi(word)
	if err != nil {
		return "a whole number"
	}
	*at = n
	return ""
}

func readFloat(at *float64, word string) (expected string) {
	x, err := strconv.ParseFloat(word, 64)
	if err != nil {
		return "a number"
	}
	*at = x
	return ""
}

// readModel takes a name of the BERT family, or LAYERSxHIDDENxHEADS with a feed-forward part of
// four times HIDDEN.
func readModel(c *train.Config, word string) (expected string) {
	sizes := strings.Split(word, "x")
	if len(sizes) != 3 {
		c.Model = word
		return ""
	}
	for i, at := range []*int{&c.Layers, &c.Hidden, &c.Heads} {
		if readInt(at, sizes[i]) != "" || *at < 1 {
			return "a model's name, as base, or LAYERSxHIDDENxHEADS, as 2x64x2"
		}
	}
	c.FFN = 4 * c.Hidden
	return ""
}

func readShape(c *Case, word string) (expected string) {
	in, out, _ := strings.Cut(word, "x")
	if readInt(&c.In, in) != "" || readInt(&c.Out, out) != "" {
		return "INxOUT, as 768x3072, or a model's name, as base"
	}
	return ""
}
