package checkpoint_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/philox"
)

// saverVariable makes the test binary a process that saves without end.
const saverVariable = "CHECKPOINT_TEST_SAVER_FOLDER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(saverVariable); dir != "" {
		saveWithoutEnd(dir)
	}
	os.Exit(m.Run())
}

// saveWithoutEnd goes on from the newest checkpoint, prints each step once it
// is saved, and saves each step twice so that kills also hit a replacement.
func saveWithoutEnd(dir string) {
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var step int64
	if c, _, err := checkpoint.Latest(dir); err == nil {
		step = c.Step
	}
	for {
		step++
		for range 2 {
			if _, err := checkpoint.Save(dir, step, large(int(step)), state{Cursor: step}, ""); err != nil {
				fail(err)
			}
			fmt.Println(step)
		}
		if err := checkpoint.Prune(checkpoint.OS{}, dir, 2); err != nil {
			fail(err)
		}
	}
}

// Killed at 20 random moments, a run always finds a checkpoint no older than
// the last step that it reported as saved.
func TestKillAnyTime(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	delays := philox.NewStream(1, philox.TestData, 20, 0)
	for round := range 20 {
		child := exec.Command(self)
		child.Env = append(os.Environ(), saverVariable+"="+dir)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		if !lines.Scan() {
			t.Fatalf("round %d: the saving process ended by itself: %v", round, child.Wait())
		}
		time.AfterFunc(time.Duration(delays.IntN(60))*time.Millisecond, func() { child.Process.Kill() })
		reported := lines.Text()
		for lines.Scan() {
			reported = lines.Text()
		}
		child.Wait() // killed: the error says so

		saved, err := strconv.ParseInt(reported, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		c, skipped, err := checkpoint.Latest(dir)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		for _, s := range skipped {
			t.Errorf("round %d: a damaged checkpoint shows: %v", round, s.Err)
		}
		if v, err := value(c); err != nil || c.Step < saved || v != float32(c.Step) {
			t.Errorf("round %d: step %d holds %v (%v), saved was %d", round, c.Step, v, err, saved)
		}
	}
}
