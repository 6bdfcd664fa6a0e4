package train

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// pin is what the folder of a run says of it beside config.yaml, which a new run was made from.
type pin struct {
	dir                 string
	text                Fingerprint
	corpus, valid, test []string // as the file names them
	vocab               string
}

// readPin reads the pin of the run whose configuration a file is; nil for another file, and for a
// folder of an older version, which has no fingerprint.
func readPin(path string, c Config) (*pin, error) {
	if filepath.Base(path) != ConfigName {
		return nil, nil
	}
	dir := filepath.Dir(path)
	text, err := ReadFingerprint(dir)
	if text == nil {
		return nil, err
	}
	return &pin{dir: dir, text: *text, corpus: c.Corpus, valid: c.Valid, test: c.Test, vocab: c.Vocab}, nil
}

// sameText compares the text of a run that is made from another one's configuration with that
// one's. Another text under the same names is an error; who named one is told.
func (p *pin) sameText(c Config, is Fingerprint) (warning string, err error) {
	if p == nil {
		return "", nil
	}
	part := p.text.Differs(is)
	if part == "" {
		return "", nil
	}
	named := !slices.Equal(c.Corpus, p.corpus) || !slices.Equal(c.Valid, p.valid) || !slices.Equal(c.Test, p.test) || c.Vocab != p.vocab
	if named {
		return fmt.Sprintf("config: the run is not that of %s again: it has another %s", p.dir, part), nil
	}
	return "", usage.Errorf("config: found another %s than the run in %s had, expected the same; name another text by --corpus, --valid, --test or --vocab to train on it", part, p.dir)
}

// sameBuild says where this process may give other bits than the run that the configuration is of:
// another program, or other instructions of the CPU.
func (p *pin) sameBuild(is Environment) (warnings []string) {
	if p == nil {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(p.dir, EnvironmentName))
	var was Environment
	if err != nil || json.Unmarshal(text, &was) != nil {
		return []string{fmt.Sprintf("config: %s has no readable %s: whether this program and device give the same bits is not known", p.dir, EnvironmentName)}
	}
	if a, b := was.build(), is.build(); a != b {
		warnings = append(warnings, fmt.Sprintf("config: the run in %s was made by version %s, this is %s: the bits may differ", p.dir, a, b))
	}
	switch a, b := instructions(was.Device), instructions(is.Device); {
	case a != b && a != "" && b != "":
		warnings = append(warnings, fmt.Sprintf("config: the run in %s was made with the instructions %s, this one is with %s: the bits differ; --cpu-path %s forces them", p.dir, a, b, a))
	case a != b:
		warnings = append(warnings, fmt.Sprintf("config: the run in %s was made on %q, this one is on %q: the bits differ", p.dir, was.Device, is.Device))
	}
	return warnings
}

// build names the program of an environment.
func (e Environment) build() string {
	text := e.Version
	if e.Revision != "" {
		text += " of commit " + e.Revision
	}
	if e.Modified {
		text += ", modified"
	}
	return text
}

// instructions are those that the description of a device names, "" for none.
func instructions(device string) string {
	_, after, ok := strings.Cut(device, "instructions ")
	if !ok {
		return ""
	}
	path, _, _ := strings.Cut(after, ",")
	return path
}
