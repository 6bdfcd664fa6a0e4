package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
)

const (
	// Format is the "format" field of trainer.json.
	Format = "sparsebert-checkpoint"
	// Version is the format version that this program writes, and the newest
	// that it reads.
	Version = 1
	// ManifestName is the file of a checkpoint folder that vouches for the rest.
	ManifestName = "trainer.json"

	maxManifestBytes = 64 << 20
)

// The end of every trainer.json, of this and of later versions: the checksum
// covers all bytes before sealOpen.
const (
	sealOpen  = ",\n  \"sha256\": \""
	sealClose = "\"\n}\n"
	sealBytes = len(sealOpen) + 2*sha256.Size + len(sealClose)
)

// Sum is the size and the SHA-256 (lower-case hexadecimal) of a file.
type Sum struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// manifest is trainer.json without its checksum.
type manifest struct {
	Format       string          `json:"format"`
	Version      int             `json:"version"`
	Step         int64           `json:"step"`
	Files        map[string]Sum  `json:"files"`
	ConfigSHA256 string          `json:"config_sha256"`
	State        json.RawMessage `json:"state"`
}

// encode returns the bytes of trainer.json; equal manifests give equal bytes. What
// readManifest would refuse for its size is an error.
func (m *manifest) encode() ([]byte, error) {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", ManifestName, err)
	}
	covered := bytes.TrimSuffix(text, []byte("\n}"))
	sum := sha256.Sum256(covered)
	out := append(covered, sealOpen...)
	out = hex.AppendEncode(out, sum[:])
	if out = append(out, sealClose...); len(out) > maxManifestBytes {
		return nil, fmt.Errorf("%s: found a state that makes it %d bytes, expected at most %d, which can be read again", ManifestName, len(out), maxManifestBytes)
	}
	return out, nil
}

// decodeManifest checks and parses the bytes of a trainer.json.
func decodeManifest(file string, text []byte) (*manifest, error) {
	if len(text) < sealBytes {
		return nil, corrupt(file, "file", fmt.Sprintf("%d bytes", len(text)), "a manifest that ends with its checksum")
	}
	covered, seal := text[:len(text)-sealBytes], text[len(text)-sealBytes:]
	sum := sha256.Sum256(covered)
	want := sealOpen + hex.EncodeToString(sum[:]) + sealClose
	if string(seal) != want {
		return nil, corrupt(file, "checksum", "an end of the file that does not match the rest", "sha256 "+hex.EncodeToString(sum[:]))
	}
	body := append(bytes.Clone(covered), "\n}"...)

	// What a later version keeps is only this much.
	var kind struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	if err := json.Unmarshal(body, &kind); err != nil {
		return nil, corrupt(file, "manifest", quote(err.Error()), "a JSON object with format and version")
	}
	if kind.Format != Format {
		return nil, corrupt(file, "format", quote(kind.Format), quote(Format))
	}
	if kind.Version > Version {
		return nil, &FormatError{file, "version", fmt.Sprint(kind.Version), fmt.Sprintf("at most %d, the newest this program reads", Version), ErrNewer}
	}
	if kind.Version < 1 {
		return nil, corrupt(file, "version", fmt.Sprint(kind.Version), "1 or more")
	}

	m := &manifest{}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(m); err != nil {
		return nil, corrupt(file, "manifest", quote(err.Error()), "the fields of version 1")
	}
	if m.Step < 0 {
		return nil, corrupt(file, "step", fmt.Sprint(m.Step), "0 or more")
	}
	if len(m.State) == 0 {
		return nil, corrupt(file, "state", "nothing", "a JSON value")
	}
	for name, s := range m.Files {
		if err := checkName(name); err != nil {
			return nil, corrupt(file, "files", quote(name), "plain names ending in .safetensors")
		}
		if s.Bytes < 0 || len(s.SHA256) != 2*sha256.Size {
			return nil, corrupt(file, "files "+quote(name), fmt.Sprintf("%d bytes with checksum %s", s.Bytes, quote(s.SHA256)), "a size and 64 hexadecimal digits")
		}
	}
	return m, nil
}

// readManifest reads trainer.json at path.
func readManifest(path string) (*manifest, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // to open a pipe would wait for a writer
		return nil, fmt.Errorf("opening a checkpoint: %s: found %v, expected a regular file", path, info.Mode().Type())
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening a checkpoint: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxManifestBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading a checkpoint: %w", err)
	}
	if len(text) > maxManifestBytes {
		return nil, corrupt(path, "file", fmt.Sprintf("more than %d bytes", maxManifestBytes), "fewer")
	}
	return decodeManifest(path, text)
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*\.safetensors$`)

// checkName keeps file names inside the checkpoint folder.
func checkName(name string) error {
	if !plainName.MatchString(name) {
		return fmt.Errorf("found file name %s, expected a plain one ending in .safetensors", quote(name))
	}
	return nil
}

// sumFile hashes a file of about size bytes without holding it in memory.
func sumFile(path string, size int64) (Sum, error) {
	f, err := os.Open(path)
	if err != nil {
		return Sum{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.CopyBuffer(h, struct{ io.Reader }{f}, make([]byte, min(size+1, 1<<18)))
	if err != nil {
		return Sum{}, err
	}
	return Sum{n, hex.EncodeToString(h.Sum(nil))}, nil
}
