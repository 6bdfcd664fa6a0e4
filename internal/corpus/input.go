package corpus

import (
	"context"
	"io"
	"io/fs"
	"os"
	"sync/atomic"

	"github.com/sparsebert/sparsebert-gpu/internal/fileformat"
)

// input is a file of a corpus.
type input struct {
	path   string
	number int   // in its corpus
	size   int64 // bytes on disk
	mtime  int64 // nanoseconds
	named  bool  // it is itself a path of the corpus, not in a folder that is one

	spool *os.File     // holds what came through a pipe
	done  atomic.Int64 // bytes that have been read since it was opened last
}

// newInput looks at the file at path. What is no file or empty is a DataError, and
// what comes through a pipe is spooled.
func newInput(ctx context.Context, path string) (*input, error) {
	if s, ok, err := spooled(ctx, path); ok || err != nil {
		if err != nil {
			return nil, err
		}
		return &input{path: s.name, size: s.size, named: true, spool: s.file}, nil
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, unreadable(path, err, textFile)
	case !info.Mode().IsRegular():
		return nil, badData(path, fileformat.KindOf(info.Mode()), textFile)
	case info.Size() == 0:
		return nil, badData(path, "an empty file", "text")
	}
	return &input{path: path, size: info.Size(), mtime: info.ModTime().UnixNano(), named: true}, nil
}

// open opens the file for reading from its beginning: f through its compression, raw
// as it is.
func (in *input) open() (f *fileformat.File, raw io.ReaderAt, err error) {
	file := in.spool
	closeFile := func() error { return nil }
	if file == nil {
		if file, err = os.Open(in.path); err != nil {
			return nil, nil, unreadable(in.path, err, textFile)
		}
		closeFile = file.Close
	}
	in.done.Store(0)
	section := &countingReader{io.NewSectionReader(file, 0, 1<<62), &in.done}
	if f, err = fileformat.NewReader(in.path, textFile, section, fileformat.Parquet); err != nil {
		_ = closeFile() // err is what to tell
		return nil, nil, dataError(err)
	}
	f.OnClose(closeFile)
	return f, file, nil
}

// countingReader counts what is read.
type countingReader struct {
	io.Reader
	n *atomic.Int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// isPipe reports whether something is read once, from its beginning to its end.
func isPipe(mode fs.FileMode) bool { return mode&(fs.ModeNamedPipe|fs.ModeCharDevice) != 0 }
