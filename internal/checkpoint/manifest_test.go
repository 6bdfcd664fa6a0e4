package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// seal appends the checksum that vouches for text, whatever it says.
func seal(text string) []byte {
	text = strings.TrimSuffix(text, "\n}")
	sum := sha256.Sum256([]byte(text))
	return []byte(text + sealOpen + hex.EncodeToString(sum[:]) + sealClose)
}

// A checksum proves that a file is what was written, not that it makes sense.
func TestSealedManifestsAreStillChecked(t *testing.T) {
	const (
		head = "{\n  \"format\": \"sparsebert-checkpoint\",\n  \"version\": 1,\n  \"step\": 4,\n"
		tail = "  \"config_sha256\": \"\",\n  \"state\": {}\n}"
		sum  = `"sha256": "0000000000000000000000000000000000000000000000000000000000000000"`
	)
	cases := []struct {
		name, text string
		kind       error
		want       string
	}{
		{"good", head + "\"files\": {\"a.safetensors\": {\"bytes\": 1, " + sum + "}},\n" + tail, nil, ""},
		{"newer, with other fields", "{\"format\": \"sparsebert-checkpoint\", \"version\": 2, \"more\": 1\n}", ErrNewer,
			"F: version: found 2, expected at most 1, the newest this program reads"},
		{"version 0", "{\"format\": \"sparsebert-checkpoint\", \"version\": 0\n}", ErrCorrupt, "F: version: found 0, expected 1 or more"},
		{"another format", "{\"format\": \"other\", \"version\": 2\n}", ErrCorrupt, `F: format: found "other", expected "sparsebert-checkpoint"`},
		{"no object", "[\n}", ErrCorrupt, "F: manifest: found"},
		{"unknown field", head + "\"extra\": 1,\n" + tail, ErrCorrupt, "F: manifest: found"},
		{"negative step", strings.Replace(head, "4", "-4", 1) + tail, ErrCorrupt, "F: step: found -4, expected 0 or more"},
		{"no state", head + "\"config_sha256\": \"\"\n}", ErrCorrupt, "F: state: found nothing"},
		{"a path", head + "\"files\": {\"../a.safetensors\": {\"bytes\": 1, " + sum + "}},\n" + tail, ErrCorrupt, `F: files: found "../a.safetensors"`},
		{"negative size", head + "\"files\": {\"a.safetensors\": {\"bytes\": -1, " + sum + "}},\n" + tail, ErrCorrupt, `F: files "a.safetensors": found -1 bytes`},
		{"no sum", head + "\"files\": {\"a.safetensors\": {\"bytes\": 1}},\n" + tail, ErrCorrupt, `F: files "a.safetensors": found 1 bytes with checksum ""`},
	}
	for _, c := range cases {
		_, err := decodeManifest("F", seal(c.text))
		switch {
		case c.kind == nil && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.kind != nil && (!errors.Is(err, c.kind) || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n")):
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
}

func TestStepNames(t *testing.T) {
	for name, want := range map[string]int64{
		"step-0": 0, "step-12": 12, "step-9223372036854775807": 1<<63 - 1,
		"step-": -1, "step": -1, "12": -1, "step-012": -1, "step-+1": -1, "step--1": -1, "step-1x": -1, "xstep-1": -1, "step-9223372036854775808": -1,
	} {
		if step, ok := parseStep(name); ok != (want >= 0) || ok && step != want {
			t.Errorf("parseStep(%q) = %d, %v, want %d", name, step, ok, want)
		}
	}
}
