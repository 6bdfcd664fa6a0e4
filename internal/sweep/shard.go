package sweep

import (
	"strconv"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// Shard says which runs of a sweep a process begins with, where several are at it. The zero
// value is none: all of them.
type Shard struct{ Index, Of int } // Index from 1

// ParseShard reads i/n, 1 <= i <= n.
func ParseShard(text string) (Shard, error) {
	first, second, _ := strings.Cut(text, "/")
	i, errIndex := strconv.ParseUint(first, 10, 31)
	n, errOf := strconv.ParseUint(second, 10, 31)
	if errIndex != nil || errOf != nil || i < 1 || i > n || n > maxRuns {
		return Shard{}, usage.Errorf("--shard: found %q, expected i/n, such as 1/4: this process's number from 1 to n, and the number of processes, at most %d", text, maxRuns)
	}
	return Shard{int(i), int(n)}, nil
}

// inOrder lists runs in the order in which the shard takes them: every n-th, then the others,
// which another process may not get to.
func (s Shard) inOrder(runs []*Run) []*Run {
	if s.Of == 0 {
		return runs
	}
	own, others := []*Run{}, []*Run{}
	for i, r := range runs {
		if i%s.Of == s.Index-1 {
			own = append(own, r)
		} else {
			others = append(others, r)
		}
	}
	return append(own, others...)
}
