// Package huggingface writes and reads folders as Hugging Face's transformers
// keeps them: config.json, weights in safetensors, and a BERT tokenizer.
//
// # Writing
//
// [Write] makes a folder that BertForPreTraining and BertTokenizerFast load: the
// weights dense, with zeros in inactive blocks, or, in [FormatSparse], the active
// blocks alone. Tensors go from source to disk one by one.
//
// # Reading
//
// [Open] takes a folder with the weights of a BERT, of this program or of
// transformers, and checks all of it before any weight is used: the architecture,
// every name, shape and element type, the ties, the tokenizer. What this program
// could not compute with the same result is refused, with the reason.
// [Source.Dense] then gives the parameters under the names of model.Table, as
// float32.
//
// Names are taken as transformers has had them over the years: with or without
// the prefix "bert.", LayerNorm's weight and bias also as gamma and beta, a
// decoder of its own where it equals the token embedding; and as PyTorch's wrappers
// change them ("module.", "_orig_mod."). Tables may have more rows than there are
// tokens. The tokenizer says itself whether it is cased.
package huggingface
