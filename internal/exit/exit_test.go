//go:build unix

package exit_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/exit"
	"github.com/sparsebert/sparsebert-gpu/internal/sweep"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

func TestCode(t *testing.T) {
	for err, want := range map[error]int{
		nil:                                  0,
		os.ErrClosed:                         1,
		usage.Errorf("x"):                    2,
		fmt.Errorf("%w: 3", sweep.ErrFailed): 1,
		fmt.Errorf("a: %w", model.ErrConfig): 2,
		fmt.Errorf("a: %w", train.ErrUsage):  2,
		fmt.Errorf("step 3: %w", model.ErrNotFinite):            3,
		fmt.Errorf("a: %w", checkpoint.ErrInUse):                2,
		fmt.Errorf("a: %w", checkpoint.ErrCorrupt):              2,
		fmt.Errorf("a: %w", exit.Signal{"SIGINT", exit.SIGINT}): 130,
		fmt.Errorf("%w: %w", train.ErrStopped, train.ErrTimeUp): 75,
		fmt.Errorf("%w: rank 1 was told to", train.ErrStopped):  75,
		// A signal decides, whatever else went wrong because of it.
		errors.Join(usage.Errorf("x"), exit.Signal{"SIGTERM", exit.SIGTERM}): 143,
	} {
		if got := exit.Code(err); got != want {
			t.Errorf("%v: found %d, expected %d", err, got, want)
		}
	}
}

// What the process of its own below is to do.
const (
	variable = "TEST_EXIT_SIGNALS"
	once     = "once"
	same     = "the same twice"
	twice    = "twice"
	warned   = "warned, then asked"
	hangup   = "a hangup"
	nohup    = "a hangup that is ignored"
)

func TestMain(m *testing.M) {
	n := os.Getenv(variable)
	if n == "" {
		os.Exit(m.Run())
	}
	if n == nohup {
		signal.Ignore(syscall.SIGHUP)
	}
	ctx, stop := exit.OnSignal(context.Background(), func(signal string) { fmt.Println(signal) }, func(signal string) { fmt.Println(signal, "again") })
	defer stop()
	which := syscall.SIGTERM
	send := func() {
		if err := syscall.Kill(os.Getpid(), which); err != nil {
			panic(err)
		}
	}
	switch n {
	case warned:
		which = syscall.SIGUSR1
	case hangup:
		which = syscall.SIGHUP
	case nohup:
		which = syscall.SIGHUP
		send() // which nobody hears
		which = syscall.SIGTERM
	}
	send()
	<-ctx.Done()
	if n == warned { // a scheduler that warns and then ends the program
		send()
		time.Sleep(exit.Same + exit.Same/4)
		which = syscall.SIGTERM
		send()
		time.Sleep(exit.Same / 4)
	}
	if n == same {
		send()
		time.Sleep(exit.Same / 4) // in which the second one would end the process
	}
	if n == twice {
		time.Sleep(exit.Same)
		send()
		select {} // until the second one ends the process
	}
	fmt.Println(context.Cause(ctx))
	os.Exit(7)
}

// The first signal ends the context and tells why; the same again does nothing; a second one ends
// the process.
func TestOnSignal(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[string]struct {
		code int
		said string
	}{
		once:   {7, "SIGTERM\nstopped by SIGTERM\n"},
		same:   {7, "SIGTERM\nstopped by SIGTERM\n"},
		twice:  {exit.Unsaved, "SIGTERM\nSIGTERM again\n"},
		warned: {7, "SIGUSR1\nSIGTERM\nstopped by SIGUSR1\n"},
		hangup: {7, "SIGHUP\nstopped by SIGHUP\n"},
		nohup:  {7, "SIGTERM\nstopped by SIGTERM\n"},
	} {
		if n == hangup && signal.Ignored(syscall.SIGHUP) {
			continue // as under nohup
		}
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), variable+"="+n)
		out, err := cmd.Output()
		if ended, ok := errors.AsType[*exec.ExitError](err); !ok || ended.ExitCode() != want.code || string(out) != want.said {
			t.Errorf("%s: found %q and error %v, expected %q and exit code %d", n, out, err, want.said, want.code)
		}
	}
	ctx, stop := exit.OnSignal(t.Context(), nil, nil)
	stop()
	if context.Cause(ctx) != context.Canceled {
		t.Errorf("released: found cause %v, expected none of a signal", context.Cause(ctx))
	}
}
