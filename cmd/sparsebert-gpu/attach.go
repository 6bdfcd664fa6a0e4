package main

import (
	"github.com/rs/zerolog"

	"github.com/sparsebert/sparsebert-gpu/internal/endpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/hook"
	"github.com/sparsebert/sparsebert-gpu/internal/progress"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// attach puts beside what shows a run what else watches it: metrics_addr and on_event. end
// is to be called when the run has ended.
func attach(c train.Config, watch *progress.Run, log zerolog.Logger) (all train.Observers, end func(), err error) {
	all = train.Observers{watch}
	var ends []func()
	if c.MetricsAddr != "" {
		e, err := endpoint.Listen(c.MetricsAddr)
		if err != nil {
			return nil, nil, err
		}
		log.Info().Str("at", e.URL()).Msg("metrics")
		all = append(all, e)
		ends = append(ends, func() {
			if err := e.Close(); err != nil {
				watch.Warned(err.Error())
			}
		})
	}
	if c.OnEvent != "" {
		h := hook.New(c.OnEvent, watch.Warned)
		all = append(all, h)
		ends = append(ends, h.Close)
	}
	return all, func() {
		for _, end := range ends {
			end()
		}
	}, nil
}
