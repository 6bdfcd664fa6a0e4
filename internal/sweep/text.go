package sweep

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// texts are the fingerprints of what runs read now, by textOf.
type texts map[string]train.Fingerprint

// textOf names what runs read: those of one name read the same.
func textOf(c train.Config) string {
	return fmt.Sprintf("%q %q %q %q %q %d", c.Corpus, c.Valid, c.Test, c.Vocab, c.InitFrom, c.VocabSize)
}

// samePaths tells whether a finished run read its text where c has it.
func samePaths(found *Result, c train.Config) (bool, error) {
	was := train.DefaultConfig()
	if err := settings.Decode(found.Config, &was); err != nil {
		return false, err
	}
	same := len(was.Corpus) == len(c.Corpus) && len(was.Valid) == len(c.Valid) && len(was.Test) == len(c.Test)
	now := slices.Concat(c.Corpus, c.Valid, c.Test, []string{c.Vocab})
	for i, path := range slices.Concat(was.Corpus, was.Valid, was.Test, []string{was.Vocab}) {
		if !same || path == now[i] {
			continue
		}
		abs, err := filepath.Abs(now[i])
		if err != nil {
			return false, err
		}
		same = path == abs
	}
	return same, nil
}

// checkTexts compares what finished and begun runs read with what is there now, as
// far as that was read: a sweep is of one text. It warns of runs of an older
// version, which do not tell.
func (s *Sweep) checkTexts(configs map[*Run]train.Config, now texts) (warnings []string, err error) {
	unknown := 0
	for _, r := range s.Runs {
		is, ok := now[textOf(configs[r])]
		if !ok || !configs[r].Resume {
			continue
		}
		var was *train.Fingerprint
		if found := s.results[r.Name]; found != nil {
			was = found.Text
		} else if _, err := os.Stat(filepath.Join(s.runFolder(r), checkpoint.FolderName)); err != nil {
			continue // it starts over
		}
		if was == nil {
			if was, err = train.ReadFingerprint(s.runFolder(r)); err != nil {
				return nil, ofRun(r, err)
			}
		}
		if was == nil {
			unknown++
		} else if part := was.Differs(is); part != "" {
			return nil, ofRun(r, usage.Errorf("corpus: found another %s than the run was made with, expected the same for all runs of a sweep; give it back its text, or the sweep another folder", part))
		}
	}
	if unknown > 0 {
		warnings = append(warnings, fmt.Sprintf("%d runs are of an older version and have no fingerprint of their text: whether it is that of the others is not known", unknown))
	}
	return warnings, nil
}
