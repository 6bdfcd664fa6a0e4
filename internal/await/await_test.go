package await_test

import (
	"context"
	"errors"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/await"
)

// Call returns what its function returns, and does not wait for one that never does once it is stopped.
func TestCall(t *testing.T) {
	failed, stopped := errors.New("failed"), errors.New("stopped")
	ctx, stop := context.WithCancelCause(t.Context())
	if n, err := await.Call(ctx, func() (int, error) { return 7, failed }); n != 7 || !errors.Is(err, failed) {
		t.Errorf("found %d and error %v, expected 7 and %v", n, err, failed)
	}
	waiting, never := make(chan bool), make(chan int)
	go func() {
		<-waiting
		stop(stopped)
	}()
	n, err := await.Call(ctx, func() (int, error) { close(waiting); return <-never, nil })
	if n != 0 || !errors.Is(err, stopped) {
		t.Errorf("found %d and error %v, expected 0 and %v", n, err, stopped)
	}
}
