package kernel

import (
	"testing"
)

func TestForPathRefusesUnknownPaths(t *testing.T) {
	if _, err := ForPath(Path(99)); err == nil {
		t.Error("path 99: found no error, expected one")
	}
	if k, err := ForPath(Auto); err != nil || k.Path != Paths()[len(Paths())-1] {
		t.Errorf("Auto: found %v, %v, expected the last of %v", k, err, Paths())
	}
}
