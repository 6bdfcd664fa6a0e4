package progress

import (
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
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: !color}
	}
	level := zerolog.InfoLevel
	if quiet {
		level = zerolog.WarnLevel
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger()
}

// warn tells what a plan warns of; run is the name of a sweep's run, or "".
func warn(log zerolog.Logger, run string, p *train.Plan) {
	for _, text := range p.Warnings {
		e := log.Warn()
		if run != "" {
			e = e.Str("run", run)
		}
		e.Msg(text)
	}
}

// WarnSkipped names checkpoints that are newer than the one in use but damaged.
func WarnSkipped(log zerolog.Logger, skipped []train.Skipped) {
	for _, s := range skipped {
		log.Warn().Str("checkpoint", s.Path).Err(s.Err).Msg("passed over a damaged checkpoint")
	}
}
