package corpus

import "context"

// Document is one document: where it came from and its sentences in order.
type Document struct {
	Source string // the file
	Line   int    // the line of Source on which it starts, or its row in a table, from 1

	// Sentences is never empty. A sentence is valid UTF-8 on one line, with
	// single spaces between its words, none at its ends, and a letter or a
	// number somewhere.
	Sentences []string
}

// ReadFile calls yield for every document in the file at path, in order, as
// docs/data.md says what a document and a sentence is in each format. The file is
// UTF-8 text, plain or in gzip, Zstandard, bzip2 or xz, or it is Parquet; its content
// decides, not its name. A document without a sentence is left out.
//
// ReadFile stops at the first error. It returns yield's and ctx's unchanged; a
// DataError reports a file that is missing, empty, without a sentence, unreadable,
// of a format that is not read, binary (a NUL, or more than one control byte in ten
// at its start), not UTF-8, truncated or corrupt, and a document of more than 128
// MiB. Documents before the fault have been yielded by then.
func ReadFile(ctx context.Context, path string, reading Reading, yield func(Document) error) error {
	in, err := newInput(ctx, path)
	if err != nil {
		return err
	}
	return readInput(ctx, in, reading, yield)
}

func readInput(ctx context.Context, in *input, reading Reading, yield func(Document) error) error {
	o, err := openText(in, reading)
	if err != nil {
		return err
	}
	err = o.documents(ctx, reading, yield)
	if cerr := o.close(); err == nil && cerr != nil {
		err = unreadable(in.path, cerr, textFile)
	}
	return err
}

// documents splits the documents that are read.
func (o *opened) documents(ctx context.Context, reading Reading, yield func(Document) error) error {
	found := false
	err := o.read(ctx, reading.field(), func(d rawDocument) error {
		sentences, err := d.sentences(reading.field())
		if err != nil || len(sentences) == 0 {
			return err
		}
		found = true
		return yield(Document{d.source, d.line, sentences})
	})
	if err == nil && !found {
		err = badData(o.in.path, "no sentence", "text")
	}
	return err
}
