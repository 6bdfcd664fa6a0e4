// Gen writes what is made from the table of settings: train/config_gen.go and
// docs/settings.md. Run it by `go generate ./train`; a test of this package fails
// where the files differ from what it would write.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "gen: found no folder, expected the root of the repository")
		os.Exit(2)
	}
	files, err := generate()
	if err == nil {
		err = write(os.Args[1], files)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// generate returns the files by their paths from the root.
func generate() (map[string][]byte, error) {
	config, err := configFile()
	if err != nil {
		return nil, err
	}
	return map[string][]byte{"train/config_gen.go": config, "docs/settings.md": page()}, nil
}

// write writes files below a folder.
func write(root string, files map[string][]byte) error {
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(name)), text, 0o644); err != nil {
			return fmt.Errorf("write what is generated: %w", err)
		}
	}
	return nil
}
