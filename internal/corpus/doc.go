// Package corpus turns text into training examples for masked-language
// modeling (MLM) and next-sentence prediction (NSP), in four steps:
//
//	text      ReadFile        files -> Documents, lists of clean sentences
//	tokens    Tokenizer       sentences -> WordPiece ids, over a Vocab that is
//	                          given or made by TrainVocab from a WordCounter
//	shards    prepare         ids -> checksummed files that are mapped into memory
//	examples  data set        shards -> [CLS] A [SEP] B [SEP] with masks and
//	                          labels, each a function of seed, epoch and index
//
// Text is UTF-8 in one of several formats, which recognize tells apart, perhaps
// compressed (package fileformat), or a column of Parquet. Reading it is one
// goroutine's work and cheap; splitting it into sentences and all behind that is
// done by many (inOrder). Bad input is a DataError, one line that names the file, the
// place, what was found and what was expected; errors.Is(err, ErrBadData) tells it
// from other errors.
//
// The tokenizer gives the ids of BERT's uncased reference tokenizer
// (BertTokenizer with do_lower_case=True) for every text. Unicode's data is of
// the version that the Go toolchain carries.
//
// Nothing here depends on the number of goroutines: readers keep the order of
// the files, counters merge to the same counts, and every random draw is
// Philox's at coordinates that name it (package philox).
package corpus
