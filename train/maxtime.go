package train

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// ErrTimeUp is the cause of the end of a run that Config.MaxTime ended, beside
// ErrStopped.
var ErrTimeUp = errors.New("max_time is over")

// clockTime is a time as schedulers write it: hours, minutes and seconds, days before
// them or not.
var clockTime = regexp.MustCompile(`^(?:([0-9]{1,4})-)?([0-9]{1,4}):([0-5]?[0-9]):([0-5]?[0-9])$`)

// parseMaxTime reads a max_time: 23h50m, 90m, 11:50:00, 1-12:00:00, or a number of
// seconds.
func parseMaxTime(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		d, err = time.ParseDuration(text + "s")
	}
	if m := clockTime.FindStringSubmatch(text); m != nil {
		err = nil
		for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
			n, _ := strconv.Atoi("0" + m[i+1]) // digits, or none where there are no days
			d += time.Duration(n) * unit
		}
	}
	if err != nil || d <= 0 {
		return 0, usage.Errorf("max_time: found %.80q, expected a time above 0, such as 23h50m, 90m, 11:50:00 or a number of seconds", text)
	}
	return d, nil
}

// WithMaxTime returns a context that ends when a max_time is over, with ErrTimeUp as its
// cause, and never of itself where text is "". cancel frees it. A text that is no time
// is ErrUsage.
func WithMaxTime(ctx context.Context, text string) (_ context.Context, cancel context.CancelFunc, err error) {
	if text == "" {
		return ctx, func() {}, nil
	}
	d, err := parseMaxTime(text)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel = context.WithTimeoutCause(ctx, d, ErrTimeUp)
	return ctx, cancel, nil
}
