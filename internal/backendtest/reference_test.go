package backendtest_test

import (
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/backendtest"
	"github.com/sparsebert/sparsebert-gpu/internal/reference"
)

func openReference(t *testing.T) backend.Backend {
	t.Helper()
	return reference.New()
}

// The reference is compared with itself here; what this tests is its argument
// checks, guards, aliasing and repeatability, and that the suite passes a
// correct backend. Its arithmetic is tested in its own package.
func TestReference(t *testing.T) {
	backendtest.Run(t, openReference, backendtest.Options{Other: openReference})
}
