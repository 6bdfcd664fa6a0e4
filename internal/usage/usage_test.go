package usage_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

func TestMark(t *testing.T) {
	plain := fmt.Errorf("open it: %w", os.ErrNotExist)
	marked := usage.Mark(plain)
	for err, want := range map[error]bool{
		plain: false, marked: true, fmt.Errorf("train: %w", marked): true,
		usage.Errorf("found %d", 3): true, errors.Join(plain, marked): true,
	} {
		if usage.Is(err) != want {
			t.Errorf("%v: found %v, expected %v", err, !want, want)
		}
	}
	if marked.Error() != plain.Error() || !errors.Is(marked, os.ErrNotExist) {
		t.Errorf("found %v, expected the text and the kind of the error that was marked", marked)
	}
	if !errors.Is(usage.Errorf("read: %w", os.ErrClosed), os.ErrClosed) {
		t.Error("Errorf does not wrap")
	}
	if usage.Mark(nil) != nil || usage.Is(nil) {
		t.Error("found an error made of none")
	}
}
