package train

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// resolvePaths makes the paths of the data absolute, so that a run can be resumed
// and evaluated from any folder.
func (c *Config) resolvePaths() error {
	var err error
	c.Corpus, c.Valid, c.Test = slices.Clone(c.Corpus), slices.Clone(c.Valid), slices.Clone(c.Test)
	for _, list := range [][]string{c.Corpus, c.Valid, c.Test} {
		for i := range list {
			if list[i], err = absoluteText(list[i]); err != nil {
				return fmt.Errorf("find the corpus: %w", err)
			}
		}
	}
	if c.Vocab, err = absolute(c.Vocab); err != nil {
		return fmt.Errorf("find the vocabulary: %w", err)
	}
	if c.InitFrom, err = absolute(c.InitFrom); err != nil {
		return fmt.Errorf("find the weights to start from: %w", err)
	}
	if c.ContinueFrom, err = absolute(c.ContinueFrom); err != nil {
		return fmt.Errorf("find the run to continue: %w", err)
	}
	return nil
}

// absoluteText is absolute for a path of text, which may be "-" for standard input, or
// "@" with the path of a list.
func absoluteText(path string) (string, error) {
	if path == "-" {
		return path, nil
	}
	if list, ok := strings.CutPrefix(path, "@"); ok {
		list, err := absolute(list)
		return "@" + list, err
	}
	return filepath.Abs(path)
}

// absolute makes a path that is not empty absolute.
func absolute(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	return filepath.Abs(path)
}
