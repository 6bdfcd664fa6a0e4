package progress

import (
	"fmt"
	"io"
	"time"

	"github.com/rs/zerolog"

	"github.com/sparsebert/sparsebert-gpu/train"
)

// NewLog returns the program's log: lines for people, or JSON; with quiet only warnings and
// errors. The runs of a sweep use it at the same time.
func NewLog(w io.Writer, quiet, asJSON bool) zerolog.Logger {
	color := IsTerminal(w)
	w = zerolog.SyncWriter(w)
	if !asJSON {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: !color, FieldsOrder: fieldsOrder, FormatPrepare: joinCounts}
	}
	level := zerolog.InfoLevel
	if quiet {
		level = zerolog.WarnLevel
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger()
}

// fieldsOrder is what stands first in a line for people.
var fieldsOrder = []string{
	"run", "step", "left", "update", "mlm_loss", "mlm_accuracy", "nsp_loss", "nsp_accuracy", "explored_dof", "removed_new_ratio",
}

// counts are what a line counts, with what it counts to: people read step=20/400.
var counts = map[string]string{"step": "steps", "update": "updates"}

// joinCounts puts what a line counts and what it counts to into one field.
func joinCounts(line map[string]any) error {
	for count, total := range counts {
		n, counted := line[count]
		if of, ok := line[total]; ok && counted {
			line[count] = fmt.Sprintf("%v/%v", n, of)
			delete(line, total)
		}
	}
	return nil
}

// warn tells what a plan notes and warns of; run is the name of a sweep's run, or "".
func warn(log zerolog.Logger, run string, p *train.Plan) {
	say := func(e *zerolog.Event, text string) {
		if run != "" {
			e = e.Str("run", run)
		}
		e.Msg(text)
	}
	for _, text := range p.Notes {
		say(log.Info(), text)
	}
	for _, text := range p.Warnings {
		say(log.Warn(), text)
	}
}

// WarnSkipped names checkpoints that are newer than the one in use but damaged.
func WarnSkipped(log zerolog.Logger, skipped []train.Skipped) {
	for _, s := range skipped {
		log.Warn().Str("checkpoint", s.Path).Err(s.Err).Msg("passed over a damaged checkpoint")
	}
}
