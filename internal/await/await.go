// Package await waits for calls that a context cannot end, such as reads of a pipe or a terminal.
package await

import "context"

// Call returns what f returns, or ctx's cause once ctx is done. f then goes on by itself, at the
// longest until the process ends; what it returns is lost.
func Call[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := f()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}
