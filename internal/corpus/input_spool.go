package corpus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/sparsebert/sparsebert-gpu/internal/await"
)

// standardInput is the path that stands for it.
const standardInput = "-"

// maxSpool bounds what is taken from a pipe, in bytes: text is read more than once,
// so it is kept in a temporary file.
const maxSpool = 64 << 30

// spool is what came through a pipe.
type spool struct {
	name string // for errors
	file *os.File
	size int64
}

// spools has what this process has read of each pipe: a pipe can be read once only.
var spools struct {
	sync.Mutex
	byPath map[string]*spool
}

// spooled returns what came through the pipe at path, - for standard input. ok is
// false where there is none. It is a DataError if nothing came, or more than maxSpool
// bytes, and ctx's cause once ctx is done.
func spooled(ctx context.Context, path string) (s *spool, ok bool, err error) {
	name := path
	if path == standardInput {
		name = "standard input"
	} else if info, err := os.Stat(path); err != nil || !isPipe(info.Mode()) || path == os.DevNull {
		return nil, false, nil
	}
	spools.Lock()
	defer spools.Unlock()
	if s, ok := spools.byPath[path]; ok {
		return s, true, nil
	}
	if s, err = await.Call(ctx, func() (*spool, error) {
		source := os.Stdin
		if path != standardInput {
			var err error
			if source, err = os.Open(path); err != nil { // it waits for who writes
				return nil, unreadable(path, err, textFile)
			}
			defer source.Close()
		}
		return fill(name, source, maxSpool)
	}); err != nil {
		return nil, true, err
	}
	if spools.byPath == nil {
		spools.byPath = map[string]*spool{}
	}
	spools.byPath[path] = s
	return s, true, nil
}

// fill copies at most limit bytes to a temporary file, which has no name where the
// system allows that, so that it goes when the process ends.
func fill(name string, source io.Reader, limit int64) (*spool, error) {
	file, err := os.CreateTemp("", "sparsebert-text-*")
	if err != nil {
		return nil, fmt.Errorf("making a temporary file for %s: %w", name, err)
	}
	if runtime.GOOS != "windows" {
		if err := os.Remove(file.Name()); err != nil {
			return nil, fmt.Errorf("taking its name from a temporary file: %w", errors.Join(err, file.Close()))
		}
	}
	folder := filepath.Dir(file.Name())
	size, err := io.Copy(file, io.LimitReader(source, limit+1))
	switch {
	case err != nil:
		err = fmt.Errorf("keeping %s in a temporary file in %s (TMPDIR): %w", name, folder, err)
	case size > limit:
		err = badData(name, fmt.Sprintf("more than %d GiB", limit>>30), "at most that from a pipe: write it to a file and name that")
	case size == 0:
		err = badData(name, "nothing", "text")
	default:
		return &spool{name, file, size}, nil
	}
	return nil, errors.Join(err, file.Close())
}
