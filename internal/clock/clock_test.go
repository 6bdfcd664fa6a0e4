//go:build unix

package clock

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// child makes this test binary a process that is stopped and continued.
const child = "TEST_CLOCK_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(child) == "" {
		os.Exit(m.Run())
	}
	defer Watch()()
	real, own := time.Now(), Now()
	fmt.Println("ready")
	time.Sleep(3 * time.Second) // whose end the parent's signals do not move
	time.Sleep(tick)
	fmt.Println(time.Since(real).Milliseconds(), Since(own).Milliseconds())
}

// The clock of a process that was stopped for a while stood still meanwhile.
func TestStopped(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), child+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var ready string
	if _, err := fmt.Fscan(out, &ready); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * tick)
	stopped := time.Now()
	for _, s := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		if s == syscall.SIGSTOP {
			time.Sleep(2 * time.Second)
		}
	}
	least := time.Since(stopped).Milliseconds()
	var real, own int64
	if _, err := fmt.Fscan(out, &real, &own); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	// What is not counted is the stop's own length, but for the ticks at its ends.
	if missing := real - own; missing < 2000-2*tick.Milliseconds() || missing > least+tick.Milliseconds() {
		t.Errorf("found %d ms of %d missing, expected those of the stop, %d", missing, real, least)
	}
}

// Gaps count only where the process was continued, whichever is seen first.
func TestWatcher(t *testing.T) {
	at := time.Now()
	after := func(d time.Duration) time.Time { return at.Add(d) }
	w := watcher{last: at}
	w.ticked(after(10 * time.Second)) // a busy machine
	w.ticked(after(12 * time.Second))
	w.ticked(after(12*time.Second + tick))
	if got := w.continued(after(14 * time.Second)); got != 2*time.Second-2*tick {
		t.Errorf("found %v, expected the gap before the signal", got)
	}
	w.ticked(after(14*time.Second + tick))
	w.ticked(after(20 * time.Second))
	if got := w.continued(after(20*time.Second + time.Millisecond)); got != 6*time.Second-2*tick {
		t.Errorf("found %v, expected the gap before the tick", got)
	}
	if got := w.continued(after(20*time.Second + 2*time.Millisecond)); got != 0 {
		t.Errorf("found %v, expected none: the process was not stopped", got)
	}
}
