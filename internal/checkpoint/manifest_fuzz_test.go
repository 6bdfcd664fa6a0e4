package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// Whatever stands in a trainer.json: it decodes and encodes to the same bytes,
// or the error is one line of a known kind.
func FuzzDecodeManifest(f *testing.F) {
	good, err := (&manifest{
		Format: Format, Version: Version, Step: 7, ConfigSHA256: "c",
		Files: map[string]Sum{"model.safetensors": {Bytes: 9, SHA256: strings.Repeat("a", 64)}}, State: []byte(`{"x":1}`),
	}).encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, false)
	f.Add(bytes.Replace(good, []byte(`"version": 1`), []byte(`"version": 2`), 1), true)
	f.Add(bytes.Replace(good, []byte(`model.`), []byte(`../model.`), 1), true)
	f.Add(bytes.Replace(good, []byte(`"step": 7`), []byte(`"step": -7`), 1), true)
	f.Add([]byte("{}"), true)
	f.Add([]byte{}, false)
	f.Fuzz(func(t *testing.T, text []byte, reseal bool) {
		if reseal && len(text) >= sealBytes {
			// With a checksum that fits, so that what lies behind it is reached.
			covered := text[:len(text)-sealBytes]
			sum := sha256.Sum256(covered)
			text = append(append(bytes.Clone(covered), sealOpen...), hex.EncodeToString(sum[:])+sealClose...)
		}
		m, err := decodeManifest("trainer.json", text)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNewer) || strings.Contains(err.Error(), "\n") {
				t.Errorf("found %v, expected one line that is ErrCorrupt or ErrNewer", err)
			}
			return
		}
		if m.Format != Format || m.Version != Version || m.Step < 0 {
			t.Errorf("accepted %+v", m)
		}
		for name := range m.Files {
			if strings.ContainsAny(name, `/\`) || name == "" || name == "." || name == ".." {
				t.Errorf("accepted the file name %q", name)
			}
		}
	})
}
