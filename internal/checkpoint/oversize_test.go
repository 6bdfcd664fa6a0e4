package checkpoint_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
)

// A checkpoint that could not be loaded is not saved, and the one before stays.
func TestSaveRefusesStateTooLargeToLoad(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, 1)
	_, err := checkpoint.Save(dir, 2, content(2), strings.Repeat("a", 64<<20), "cafe")
	if err == nil {
		t.Fatal("saved, expected an error")
	}
	for _, part := range []string{"step 2", checkpoint.ManifestName, "at most 67108864"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("found %q, expected it to name %q", err, part)
		}
	}
	if left := names(t, dir); !slices.Equal(left, []string{"step-1"}) {
		t.Errorf("found %v, expected step-1 alone", left)
	}
	if c, _, err := checkpoint.Latest(dir); err != nil || c.Step != 1 {
		t.Errorf("found %v, %v, expected step 1", c, err)
	}
}
