package huggingface

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/model"
)

// configuration is the config.json that is written.
type configuration struct {
	Architectures    []string    `json:"architectures"`
	AttentionDropout float64     `json:"attention_probs_dropout_prob"`
	HiddenAct        string      `json:"hidden_act"`
	HiddenDropout    float64     `json:"hidden_dropout_prob"`
	HiddenSize       int         `json:"hidden_size"`
	InitializerRange float64     `json:"initializer_range"`
	IntermediateSize int         `json:"intermediate_size"`
	LayerNormEps     float64     `json:"layer_norm_eps"`
	MaxPositions     int         `json:"max_position_embeddings"`
	ModelType        string      `json:"model_type"`
	Heads            int         `json:"num_attention_heads"`
	Layers           int         `json:"num_hidden_layers"`
	PadTokenID       int32       `json:"pad_token_id"`
	PositionType     string      `json:"position_embedding_type"`
	Sparse           *sparseness `json:"sparsebert,omitempty"`
	TieWords         bool        `json:"tie_word_embeddings"`
	TypeVocabSize    int         `json:"type_vocab_size"`
	VocabSize        int         `json:"vocab_size"`
}

// sparseness is what config.json says of the compact format.
type sparseness struct {
	Format       string  `json:"format"`
	Version      int     `json:"version"`
	Method       string  `json:"method"`
	Sparsity     float64 `json:"sparsity"`
	BlockSize    int     `json:"block_size"`
	Distribution string  `json:"distribution"`
	Growth       string  `json:"growth"`
}

// What config.json says of the compact format.
const (
	sparseFormat  = "block-sparse"
	sparseVersion = 1
	sparseKey     = "sparsebert"
)

// What model.Config cannot say, since there is no other here.
const (
	layerNormEps     = 1e-12
	initializerRange = 0.02
	dropout          = 0.1 // where config.json does not say
	activation       = "gelu"
	positionType     = "absolute"
	preTraining      = "BertForPreTraining"
	maskedOnly       = "BertForMaskedLM" // without next sentence prediction
)

// encodeConfig returns config.json.
func encodeConfig(c model.Config, pad int32, format Format) ([]byte, error) {
	out := configuration{
		Architectures: []string{preTraining}, ModelType: "bert", HiddenAct: activation, PositionType: positionType,
		AttentionDropout: c.Dropout, HiddenDropout: c.Dropout, InitializerRange: initializerRange, LayerNormEps: layerNormEps,
		HiddenSize: c.Hidden, IntermediateSize: c.FFN, MaxPositions: c.MaxPositions, Heads: c.Heads, Layers: c.Layers,
		PadTokenID: pad, TieWords: true, TypeVocabSize: c.TypeVocab, VocabSize: c.VocabSize,
	}
	if c.NoNSP {
		out.Architectures = []string{maskedOnly}
	}
	if format == FormatSparse {
		// Names that no class of transformers has, so that none takes the folder for its own.
		out.Architectures, out.ModelType = []string{"SparseBertForPreTraining"}, sparseKey
		out.Sparse = &sparseness{
			Format: sparseFormat, Version: sparseVersion, Method: c.Method.String(), Sparsity: c.Sparsity, BlockSize: c.BlockSize,
			Distribution: c.Distribution.String(), Growth: c.Growth.String(),
		}
	}
	return encode(out)
}

// architectures are the classes whose weights are a BERT's encoder with none, some
// or all of the pre-training heads.
var architectures = []string{preTraining, "BertModel", maskedOnly, "BertForNextSentencePrediction"}

// ParseConfig reads the text of a config.json; file stands in errors. The result
// is a dense model, or in the compact format one with the topology's numbers.
//
// It is a FormatError if a number is missing or no BERT can have it, or if the
// model computes something that this program does not: another architecture,
// activation, kind of positions or LayerNorm constant, a decoder, an untied token
// embedding, pruned heads.
func ParseConfig(file string, text []byte) (model.Config, error) {
	o, err := parseObject(file, text)
	if err != nil {
		return model.Config{}, err
	}
	compact, isSparse, err := o.object(sparseKey)
	if err != nil {
		return model.Config{}, err
	}
	if err := checkKind(o, isSparse); err != nil {
		return model.Config{}, err
	}
	c := model.Config{Method: model.Dense, Dropout: dropout}
	for _, n := range []struct {
		key   string
		value *int
	}{
		{"vocab_size", &c.VocabSize}, {"hidden_size", &c.Hidden}, {"num_hidden_layers", &c.Layers},
		{"num_attention_heads", &c.Heads}, {"intermediate_size", &c.FFN},
		{"max_position_embeddings", &c.MaxPositions}, {"type_vocab_size", &c.TypeVocab},
	} {
		if !o.has(n.key) {
			return c, o.fail(n.key, "a whole number")
		}
		if err := o.get(n.key, n.value, "a whole number"); err != nil {
			return c, err
		}
	}
	// The rate on attention probabilities is taken to be the same: it has no part in the weights.
	if err := o.get("hidden_dropout_prob", &c.Dropout, "a number"); err != nil {
		return c, err
	}
	if isSparse {
		if err := parseSparse(compact, &c); err != nil {
			return c, err
		}
	}
	if err := c.Validate(); err != nil {
		return c, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

// checkKind refuses what is computed in another way than here.
func checkKind(o object, sparse bool) error {
	kind, want := "bert", "bert" // configurations of 2019 do not name it
	if sparse {
		kind, want = "", sparseKey
	}
	if err := o.get("model_type", &kind, quote(want)); err != nil {
		return err
	}
	if kind != want {
		return o.fail("model_type", quote(want)+" (no other architecture can be read)")
	}
	var classes []string
	if err := o.get("architectures", &classes, "a list of names"); err != nil {
		return err
	}
	for _, class := range classes {
		if !sparse && !slices.Contains(architectures, class) {
			return o.fail("architectures", "one of "+strings.Join(architectures, ", "))
		}
	}
	act, position, eps := activation, positionType, layerNormEps
	tied, decoder, cross := true, false, false
	for _, v := range []struct {
		key   string
		value any
		ok    func() bool
		want  string
	}{
		{"hidden_act", &act, func() bool { return act == activation || act == "gelu_python" }, quote(activation) + ", by the error function (no other activation can be computed)"},
		{"position_embedding_type", &position, func() bool { return position == positionType }, quote(positionType)},
		{"layer_norm_eps", &eps, func() bool { return eps == layerNormEps }, fmt.Sprint(layerNormEps)},
		{"tie_word_embeddings", &tied, func() bool { return tied }, "true (the MLM decoder is the token embedding)"},
		{"is_decoder", &decoder, func() bool { return !decoder }, "false"},
		{"add_cross_attention", &cross, func() bool { return !cross }, "false"},
	} {
		if err := o.get(v.key, v.value, v.want); err != nil {
			return err
		}
		if !v.ok() {
			return o.fail(v.key, v.want)
		}
	}
	pruned, _, err := o.object("pruned_heads")
	if err == nil && len(pruned.values) > 0 {
		err = o.fail("pruned_heads", "none")
	}
	return err
}

// parseSparse reads the part of the compact format.
func parseSparse(o object, c *model.Config) error {
	var format string
	var version int
	if err := o.get("format", &format, quote(sparseFormat)); err != nil {
		return err
	}
	if format != sparseFormat {
		return o.fail("format", quote(sparseFormat))
	}
	if err := o.get("version", &version, fmt.Sprint(sparseVersion)); err != nil {
		return err
	}
	if version != sparseVersion {
		return o.fail("version", fmt.Sprintf("%d, the version that this program knows", sparseVersion))
	}
	for _, v := range []struct {
		key   string
		value any
		want  string
	}{
		{"method", &c.Method, "dynamic or static"}, {"sparsity", &c.Sparsity, "a number"}, {"block_size", &c.BlockSize, "a whole number"},
		{"distribution", &c.Distribution, "uniform or erk"}, {"growth", &c.Growth, "a growth"},
	} {
		if !o.has(v.key) {
			return o.fail(v.key, v.want)
		}
		if err := o.get(v.key, v.value, v.want); err != nil {
			return err
		}
	}
	if !c.Method.BlockSparse() {
		return o.fail("method", "dynamic or static")
	}
	return nil
}
