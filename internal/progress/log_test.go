package progress

import (
	"bytes"
	"strings"
	"sync"
	"testing"
)

// Lines of runs that log at the same time are whole, as text and as JSON, and none is lost.
func TestLogOfSeveralRuns(t *testing.T) {
	const runs, lines = 4, 200
	for _, asJSON := range []bool{false, true} {
		var out bytes.Buffer // without a lock of its own
		log := NewLog(&out, false, asJSON)
		var done sync.WaitGroup
		for range runs {
			own := log.With().Logger()
			done.Go(func() {
				for range lines {
					own.Info().Str("name", "value").Msg("line")
				}
			})
		}
		done.Wait()
		got := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(got) != runs*lines {
			t.Fatalf("JSON %v: found %d lines, expected %d", asJSON, len(got), runs*lines)
		}
		for _, l := range got {
			if strings.Count(l, "line") != 1 || strings.Count(l, "value") != 1 {
				t.Fatalf("JSON %v: found the line %q, expected one message", asJSON, l)
			}
		}
	}
}
