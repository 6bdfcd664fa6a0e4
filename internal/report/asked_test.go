package report

import (
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Where whole blocks have not the density asked for, the page has the FLOPs of both.
func TestAskedFLOPsAreShown(t *testing.T) {
	for block, differs := range map[int]bool{16: true, 4: false} {
		dir := t.TempDir()
		m := madeSweep(3, 100)[2]
		m.config.BlockSize = block // 64 blocks of 16 in a weight of Tiny, of which 6 are active
		m.config.Distribution = sparse.Uniform
		m.write(t, dir, 10)
		r := reportOf(t, dir)
		page := string(pageOf(t, r))
		for _, words := range []string{"at the density asked for, which whole blocks do not have", "(asked: "} {
			if strings.Contains(page, words) != differs {
				t.Errorf("B = %d: expected %q in the page: %v", block, words, differs)
			}
		}
	}
}
