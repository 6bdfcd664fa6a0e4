package corpus

import (
	"os"
	"path/filepath"
	"testing"
)

// wikiTextPath returns the path of a file of WikiText-2, which lies in
// ../shared/data beside the module. It skips the test where the file is absent.
func wikiTextPath(t testing.TB, name string) string {
	t.Helper()
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			break
		}
		above := filepath.Dir(folder)
		if above == folder {
			t.Fatal("no go.mod above the test")
		}
		folder = above
	}
	path := filepath.Join(folder, "..", "shared", "data", "wikitext-2", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("WikiText-2 is not there: %v", err)
	}
	return path
}

// wikiText returns the content of a file of WikiText-2.
func wikiText(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(wikiTextPath(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
