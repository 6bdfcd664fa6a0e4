package main

import (
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"github.com/urfave/cli/v2"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/train"
)

func prepareCommand() *cli.Command {
	return &cli.Command{
		Name:  "prepare",
		Usage: "turn text into token shards, with a WordPiece vocabulary that is trained or given",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "corpus", Aliases: []string{"c"}, Usage: "text (file, folder, .gz, .zst); repeatable"},
			&cli.StringFlag{Name: "out", Aliases: []string{"o", "output-dir"}, Usage: "folder for the shards, new or empty"},
			&cli.StringFlag{Name: "vocab", Usage: "vocab.txt to use (default: train one)"},
			&cli.IntFlag{Name: "vocab-size", Aliases: []string{"V"}, Value: bertVocab, Usage: "size of the vocabulary to train"},
			settingFlag("threads"),
			&cli.IntFlag{Name: "shard-tokens", Usage: "tokens of one shard (0: about 16 million)"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "no progress"},
		},
		Action: prepareAction,
	}
}

func prepareAction(c *cli.Context) error {
	if err := requireFlags(c, "corpus", "out"); err != nil {
		return err
	}
	if err := requireRange(c, 0, train.MaxThreads, "threads"); err != nil {
		return err
	}
	log := newLogger(c.App.ErrWriter, c.Bool("quiet"), false)
	size := c.Int("vocab-size")
	if c.String("vocab") != "" && !c.IsSet("vocab-size") {
		size = 0 // whatever the given vocabulary has
	}
	progress, done := stageProgress(c, log)
	result, err := corpus.Prepare(c.Context, corpus.PrepareOptions{
		Corpus: c.StringSlice("corpus"), Out: c.String("out"), VocabPath: c.String("vocab"), VocabSize: size,
		Threads: c.Int("threads"), ShardTokens: c.Int("shard-tokens"), Progress: progress,
	})
	done()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.App.Writer, "%d documents, %d sentences, %d tokens in %d shards; vocabulary %d; unigram entropy %.3f nats a token; %s\n",
		result.Documents, result.Sentences, result.Tokens, result.Shards, result.VocabSize, result.UnigramEntropy, c.String("out"))
	return err
}

// stageProgress shows the stages of a command: one bar a stage on a terminal,
// log lines elsewhere. done ends the bars.
func stageProgress(c *cli.Context, log zerolog.Logger) (report func(stage string, done, total int64), done func()) {
	s, ok := c.App.ErrWriter.(*screen)
	if !ok || !isTerminal(s) || c.Bool("quiet") {
		return newLoading(log).report, func() {}
	}
	bars := mpb.New(mpb.WithOutput(s.File), mpb.WithWidth(48), mpb.WithRefreshRate(200*time.Millisecond))
	var bar *mpb.Bar
	var current string
	end := func() {
		if bar != nil && !bar.Completed() {
			bar.SetTotal(-1, true)
		}
	}
	s.setBar(bars)
	report = func(stage string, n, total int64) {
		if stage != current {
			end()
			current = stage
			bar = bars.AddBar(total, mpb.PrependDecorators(decor.Name(stage+" ", decor.WC{W: 28, C: decor.DindentRight})), mpb.AppendDecorators(decor.Percentage()))
		}
		bar.SetTotal(max(total, n), false)
		bar.SetCurrent(n)
	}
	return report, func() {
		end()
		s.setBar(nil)
		bars.Wait()
	}
}

// warnSkipped names checkpoints that are newer than the one in use but damaged.
func warnSkipped(log zerolog.Logger, skipped []checkpoint.Skipped) {
	for _, s := range skipped {
		log.Warn().Str("checkpoint", s.Path).Err(s.Err).Msg("passed over a damaged checkpoint")
	}
}
