package progress

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/sparsebert/sparsebert-gpu/train"
)

// Stages shows the stages of a command that reads or makes data, such as prepare: a bar a stage
// on a terminal, unless quiet, and log lines elsewhere. report is told how much of a stage is
// done; done ends the bars.
func Stages(log zerolog.Logger, w io.Writer, quiet bool) (report func(stage string, done, total int64), done func()) {
	s := barScreen(w, train.Config{Quiet: quiet})
	if s == nil {
		return newStageLog(log).report, func() {}
	}
	bars := newBars(s.File)
	s.SetBar(bars)
	var bar *mpb.Bar
	var current string
	var left timeLeft
	end := func() {
		if bar != nil && !bar.Completed() {
			bar.SetTotal(-1, true)
		}
	}
	report = func(stage string, n, total int64) {
		if stage != current {
			end()
			current = stage
			left.begin(n)
			name := decor.Name(stage+" ", decor.WC{W: 28, C: decor.DindentRight})
			bar = bars.AddBar(total, mpb.PrependDecorators(name), mpb.AppendDecorators(decor.Percentage(), decor.Any(func(s decor.Statistics) string { return left.of(s.Current, s.Total) })))
		}
		bar.SetTotal(max(total, n), false)
		bar.SetCurrent(n)
	}
	return report, func() {
		end()
		s.SetBar(nil)
		bars.Wait()
	}
}

// StageLines shows the stages of a command as log lines, on a terminal too.
func StageLines(log zerolog.Logger) func(stage string, done, total int64) {
	return newStageLog(log).report
}

// stageLog logs the stages of reading data, each at its start and, when it is long, every few
// seconds.
type stageLog struct {
	log   zerolog.Logger
	stage string
	shown time.Time
	left  timeLeft
}

func newStageLog(log zerolog.Logger) *stageLog { return &stageLog{log: log} }

// stageLineEvery is the time between two lines about one stage.
const stageLineEvery = 5 * time.Second

func (l *stageLog) report(stage string, done, total int64) {
	if stage == l.stage && time.Since(l.shown) < stageLineEvery {
		return
	}
	first := stage != l.stage
	l.stage, l.shown = stage, time.Now()
	e := l.log.Info()
	if first {
		l.left.begin(done)
	}
	if total > 0 && (!first || done > 0) {
		e = e.Str("done", fmt.Sprintf("%d %%", 100*done/total))
		if left := l.left.of(done, total); left != "" {
			e = e.Str("left", strings.TrimSuffix(strings.TrimSpace(left), " left"))
		}
	}
	e.Msg(stage)
}

// timeLeft estimates the time that a stage goes on, by its pace so far.
type timeLeft struct {
	began time.Time
	first int64 // done when it began: a stage may go on from an earlier run
}

func (t *timeLeft) begin(done int64) { t.began, t.first = time.Now(), done }

// of says how long the rest takes, " 1m10s left"; "" where there is no pace yet.
func (t *timeLeft) of(done, total int64) string {
	took := time.Since(t.began)
	if done <= t.first || done >= total || took < time.Second {
		return ""
	}
	rest := time.Duration(float64(took) * float64(total-done) / float64(done-t.first))
	return " " + rest.Round(time.Second).String() + " left"
}
