package nvidia

import (
	"os"
	"strings"
	"testing"
)

func TestMissing(t *testing.T) {
	_, err := os.Stat(control)
	_, wsl := os.Stat("/dev/dxg")
	if got := Missing(); (got == "") != (err == nil || wsl == nil) || strings.Contains(got, "\n") {
		t.Errorf("found %q, and of %s: %v", got, control, err)
	}
}
