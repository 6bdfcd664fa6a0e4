package main

import (
	"fmt"
	"math"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/commandline"
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/internal/exit"
	"github.com/sparsebert/sparsebert-gpu/internal/huggingface"
	"github.com/sparsebert/sparsebert-gpu/internal/progress"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/train"
)

func prepareCommand() *cli.Command {
	return &cli.Command{
		Name:  "prepare",
		Usage: "turn text into token shards, with a WordPiece vocabulary that is trained or given",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "corpus", Aliases: []string{"c"}, Usage: "text (file, folder, @LIST of paths, - for standard input; plain, packed, JSON lines, Parquet); repeatable"},
			settingFlag("corpus_format"),
			settingFlag("text_field"),
			&cli.StringFlag{Name: "out", Aliases: []string{"o", "output-dir"}, Usage: "folder for the shards, new or empty"},
			&cli.StringFlag{Name: "vocab", Usage: "vocab.txt or tokenizer.json to use (default: train one)"},
			&cli.IntFlag{Name: "vocab-size", Aliases: []string{"V"}, Value: train.DefaultConfig().VocabSize, Usage: "size of the vocabulary to train; BERT's has 30522"},
			&cli.BoolFlag{Name: "cased", Usage: "keep capital letters and accents (default: lower case without accents)"},
			settingFlag("threads"),
			&cli.IntFlag{Name: "shard-tokens", Usage: "tokens of one shard (0: about 16 million)"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "no progress"},
		},
		Action: prepareAction,
	}
}

// prepareMemory is what prepare's memory is collected for, in bytes: without it garbage
// could double what a large text takes.
const prepareMemory = 800 << 20

func prepareAction(c *cli.Context) error {
	if err := commandline.Require(c, "corpus", "out"); err != nil {
		return err
	}
	if err := commandline.RequireRange(c, 0, settings.MaxThreads, "threads"); err != nil {
		return err
	}
	stdout := exit.KeepWriting(c.App.Writer)
	log := progress.NewLog(c.App.ErrWriter, c.Bool("quiet"), false)
	sizes := vocabSizes()
	size := c.Int("vocab-size")
	if c.String("vocab") != "" && !c.IsSet("vocab-size") {
		size = 0 // whatever the given vocabulary has
	} else if err := commandline.RequireRange(c, int(sizes.Min), int(sizes.Max), "vocab-size"); err != nil {
		return err
	}
	var text corpus.Normalizer
	if c.Bool("cased") {
		text = corpus.CasedNormalizer()
	}
	vocab, err := prepareVocab(c.String("vocab"), text)
	if err != nil {
		return err
	}
	if vocab != nil {
		if n := vocab.Size(); size == 0 && float64(n) < sizes.Min {
			return usage.Errorf("vocab: found %s with %d tokens, expected at least %g, which a model has", c.String("vocab"), n, sizes.Min)
		}
		text = vocab.Normalizer()
	}
	format, err := corpus.ParseFormat(c.String("corpus-format"))
	if err != nil {
		return err
	}
	if debug.SetMemoryLimit(-1) == math.MaxInt64 { // GOMEMLIMIT would be the user's
		debug.SetMemoryLimit(prepareMemory)
	}
	progress, done := progress.Stages(log, c.App.ErrWriter, c.Bool("quiet"))
	result, err := corpus.Prepare(c.Context, corpus.PrepareOptions{
		Corpus: commandline.Texts(c, "corpus"), Out: c.String("out"), VocabPath: c.String("vocab"), Vocab: vocab, VocabSize: size, Normalizer: text,
		Threads: c.Int("threads"), ShardTokens: c.Int("shard-tokens"), Progress: progress,
		Reading: corpus.Reading{Format: format, TextField: c.String("text-field")}, Tell: func(line string) { log.Info().Msg(line) },
	})
	done()
	if err != nil {
		return err
	}
	for _, line := range result.Report.Lines() {
		log.Info().Msg(line)
	}
	for _, line := range result.Report.Warnings() {
		log.Warn().Msg(line)
	}
	_, err = fmt.Fprintf(stdout, "%d documents, %d sentences, %d tokens in %d shards; vocabulary %d; unigram entropy %.3f nats a token; %s\n",
		result.Documents, result.Sentences, result.Tokens, result.Shards, result.VocabSize, result.UnigramEntropy, c.String("out"))
	return err
}

// vocabSizes are those that a run can have.
func vocabSizes() settings.Range {
	s, _ := settings.Find("vocab_size")
	return *s.Range
}

// prepareVocab reads the vocabulary that is given, nil where none is; text is its normalizer if it
// has none of its own.
func prepareVocab(path string, text corpus.Normalizer) (*corpus.Vocab, error) {
	if path == "" {
		return nil, nil
	}
	v, own, err := huggingface.LoadVocab(path)
	switch {
	case err != nil:
		return nil, err
	case !own:
		return v.WithNormalizer(text), nil
	case text.Cased && !v.Normalizer().Cased:
		return nil, usage.Errorf("cased: found %s, for text that is %s, expected a cased vocabulary", path, v.Normalizer())
	}
	return v, nil
}
