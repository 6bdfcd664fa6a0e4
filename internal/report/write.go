package report

import (
	"bytes"
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
// makes where needed; a wide one also for a narrow screen, as NAME-narrow.
func (r *Report) WriteFigures(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("make the folder of the figures: %w", err)
	}
	for _, f := range r.figures() {
		a := f.meta()
		if err := writeFigure(f, filepath.Join(dir, a.name), a.w, a.h); err != nil {
			return err
		}
		if a.wide {
			w, h := f.narrow()
			if err := writeFigure(f, filepath.Join(dir, a.name+"-narrow"), w, h); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeFigure writes a figure of a size as path.svg and path.png.
func writeFigure(f figure, path string, w, h float64) error {
	svg, err := drawSVG(f, w, h, true)
	if err != nil {
		return err
	}
	png, err := drawPNG(f, w, h)
	if err != nil {
		return err
	}
	if err := writeFile(path+".svg", []byte(svg)); err != nil {
		return err
	}
	return writeFile(path+".png", png)
}

func writeFile(path string, content []byte) error {
	if err := renameio.WriteFile(path, content, 0o666); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
