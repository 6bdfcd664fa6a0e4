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

// WarnSkipped names checkpoints that are newer than the one in use but damaged.
func WarnSkipped(log zerolog.Logger, skipped []train.Skipped) {
	for _, s := range skipped {
		log.Warn().Str("checkpoint", s.Path).Err(s.Err).Msg("passed over a damaged checkpoint")
	}
}
