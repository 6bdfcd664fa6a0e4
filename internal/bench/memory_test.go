package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

func TestLastLevelCache(t *testing.T) {
	dir := t.TempDir()
	if got := lastLevelCache(dir); got != 64<<20 {
		t.Errorf("nothing there: found %d bytes, expected 64 MiB", got)
	}
	for i, size := range []string{"48K", "32K", "2048K", "36M"} {
		in := filepath.Join(dir, fmt.Sprintf("index%d", i))
		if err := os.Mkdir(in, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(in, "size"), []byte(size+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := lastLevelCache(dir); got != 36<<20 {
		t.Errorf("found %d bytes, expected 36 MiB", got)
	}
}

func TestEnoughMemory(t *testing.T) {
	cases := []Case{{Op: DSD, Block: 16, Sparsity: 0.9, Tokens: 65536, In: 768, Out: 3072}}
	for _, c := range []struct {
		meminfo string
		enough  bool
	}{
		{"MemTotal: 99999999999 kB\nMemAvailable:   1000000 kB\n", false},
		{"MemTotal: 99999999999 kB\nMemAvailable: 100000000 kB\n", true},
		{"something else\n", true},
	} {
		file := filepath.Join(t.TempDir(), "meminfo")
		if err := os.WriteFile(file, []byte(c.meminfo), 0o644); err != nil {
			t.Fatal(err)
		}
		err := enoughForProducts(cases, Options{CacheBytes: 32 << 20}, file)
		if (err == nil) != c.enough || err != nil && !usage.Is(err) {
			t.Errorf("%q: found error %v", c.meminfo, err)
		}
	}
	if err := enoughForProducts(cases, Options{}, filepath.Join(t.TempDir(), "none")); err != nil {
		t.Errorf("a machine that does not say: found error %v", err)
	}
}

func TestEnoughForStep(t *testing.T) {
	p, err := Request{Device: "cpu", Step: true, VocabSize: 64, Bandwidth: 1, Peak: 1}.Plan()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "meminfo")
	for kib, enough := range map[string]bool{"100": false, "100000000": true} {
		if err := os.WriteFile(file, []byte("MemAvailable: "+kib+" kB\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := enoughForStep(p.steps[0], file); (err == nil) != enough || err != nil && !usage.Is(err) {
			t.Errorf("%s KiB: found error %v", kib, err)
		}
	}
}
