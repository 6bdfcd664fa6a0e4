package report_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/report"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

func TestChecks(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what string
		err  error
		says string
	}{
		{"a new page", report.CheckOut(filepath.Join(dir, "a.html")), ""},
		{"a page that is there", report.CheckOut(file), ""},
		{"a folder as page", report.CheckOut(dir), "to be a folder, expected a file"},
		{"a page nowhere", report.CheckOut(filepath.Join(dir, "none", "a.html")), "found no folder " + filepath.Join(dir, "none")},
		{"new figures", report.CheckFigures(filepath.Join(dir, "figures")), ""},
		{"a folder for figures", report.CheckFigures(dir), ""},
		{"a file for figures", report.CheckFigures(file), "to be a file, expected a folder"},
	} {
		if c.says == "" {
			if c.err != nil {
				t.Errorf("%s: found error %v", c.what, c.err)
			}
		} else if !usage.Is(c.err) || !strings.Contains(c.err.Error(), c.says) {
			t.Errorf("%s: found error %v, expected %q", c.what, c.err, c.says)
		}
	}
}

// What is wrong with the runs is the user's to mend.
func TestMakeOfNothing(t *testing.T) {
	dir := t.TempDir()
	if r, err := report.Make([]string{dir}, ""); r != nil || !usage.Is(err) {
		t.Errorf("Make: found %v and error %v", r, err)
	}
	if s, err := report.NewServer([]string{dir}); s != nil || !usage.Is(err) {
		t.Errorf("NewServer: found %v and error %v", s, err)
	}
	if err := report.Leave(dir); !usage.Is(err) {
		t.Errorf("Leave: found error %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, report.FileName)); !os.IsNotExist(err) {
		t.Errorf("found a report (%v), expected none", err)
	}
}

func TestListen(t *testing.T) {
	l, err := report.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, address := range []string{"nowhere", l.Addr().String()} {
		if _, err := report.Listen(address); !usage.Is(err) || !strings.Contains(err.Error(), address) {
			t.Errorf("%s: found error %v, expected one that names it", address, err)
		}
	}
}
