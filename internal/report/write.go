package report

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// WriteHTML writes the page to a file, whole or not at all.
func (r *Report) WriteHTML(path string) error {
	var page bytes.Buffer
	if err := r.HTML(&page, false); err != nil {
		return err
	}
	return writeFile(path, page.Bytes())
}

// WriteFigures writes each figure as NAME.svg and NAME.png to a folder, which it
// makes where needed.
func (r *Report) WriteFigures(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("make the folder of the figures: %w", err)
	}
	for _, f := range r.figures() {
		a := f.meta()
		svg, err := drawSVG(f, a.w, a.h, true)
		if err != nil {
			return err
		}
		png, err := drawPNG(f, a.w, a.h)
		if err != nil {
			return err
		}
		path := filepath.Join(dir, a.name)
		if err := errors.Join(writeFile(path+".svg", []byte(svg)), writeFile(path+".png", png)); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(path string, content []byte) error {
	if err := renameio.WriteFile(path, content, 0o666); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
