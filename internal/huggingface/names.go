package huggingface

import "strings"

// Canonical names that need a word of their own.
const (
	wordEmbeddings = "bert.embeddings.word_embeddings.weight"
	decoderWeight  = "cls.predictions.decoder.weight"
	decoderBias    = "cls.predictions.decoder.bias"
	predictionBias = "cls.predictions.bias"
)

// wrappers are what PyTorch puts before the names of a model that is wrapped: for
// several devices (DistributedDataParallel), or compiled.
var wrappers = []string{"module.", "_orig_mod."}

// canonical returns a tensor's name as model.Table has it: without wrappers, with
// the prefix "bert." that a BertModel alone lacks, and weight and bias where
// TensorFlow's LayerNorm had gamma and beta.
func canonical(name string) string {
	for i := 0; i < len(wrappers); i++ {
		if bare, ok := strings.CutPrefix(name, wrappers[i]); ok {
			name, i = bare, -1 // in any order, any number
		}
	}
	for old, now := range map[string]string{".LayerNorm.gamma": ".LayerNorm.weight", ".LayerNorm.beta": ".LayerNorm.bias"} {
		if stem, ok := strings.CutSuffix(name, old); ok {
			name = stem + now
		}
	}
	for _, part := range []string{"embeddings.", "encoder.", "pooler."} {
		if strings.HasPrefix(name, part) {
			return "bert." + name
		}
	}
	return name
}

// isBuffer reports whether a canonical name is of a constant that some versions
// of transformers save beside the weights.
func isBuffer(name string) bool {
	return name == "bert.embeddings.position_ids" || name == "bert.embeddings.token_type_ids"
}
