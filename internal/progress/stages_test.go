package progress

import (
	"strings"
	"testing"
	"time"
)

// The pace is that since the stage began, wherever it began.
func TestTimeLeft(t *testing.T) {
	left := timeLeft{began: time.Now().Add(-10 * time.Second), first: 50}
	for done, want := range map[int64]string{50: "", 75: " 10s left", 91: " 2s left", 99: " 0s left", 100: ""} {
		if got := left.of(done, 100); got != want {
			t.Errorf("%d of 100: found %q, expected %q", done, got, want)
		}
	}
	left.begin(0)
	if got := left.of(10, 100); got != "" {
		t.Errorf("at once: found %q, expected nothing", got)
	}
}

// A stage that goes on says so in its lines, with the time left.
func TestStageLines(t *testing.T) {
	var out strings.Builder
	l := newStageLog(NewLog(&out, false, false))
	l.report("tokenize", 40, 100) // what an earlier run left
	l.left.began, l.shown = time.Now().Add(-10*time.Second), time.Time{}
	l.report("tokenize", 60, 100)
	for _, want := range []string{`tokenize done="40 %"`, `left=20s`, `done="60 %"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("found %q, expected %q in it", out.String(), want)
		}
	}
}
