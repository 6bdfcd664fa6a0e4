package metrics

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// FileName is the name of the records in a run folder.
const FileName = "metrics.jsonl"

// ErrTorn is wrapped by [OpenLog] for a file whose last line has no end, as a
// killed run may leave it. [TruncateAfter] mends it.
var ErrTorn = errors.New("torn last line")

// Log appends records to a file. It is for one goroutine.
type Log struct {
	file file
	path string
	size int64 // end of the last whole line
	err  error // set once the file's end is unknown
}

// file is what Log needs of an os.File.
type file interface {
	io.WriteCloser
	Truncate(size int64) error
	Sync() error
}

// OpenLog opens the file at path for appending and creates it where missing.
// It wraps [ErrTorn] for a file that does not end with a newline.
func OpenLog(path string) (*Log, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return nil, fmt.Errorf("opening the metrics: %w", err)
	}
	size, err := wholeSize(f, path)
	if err != nil {
		f.Close()
		return nil, err
	}
	return &Log{file: f, path: path, size: size}, nil
}

func wholeSize(f *os.File, path string) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("opening the metrics: %w", err)
	}
	if info.Size() == 0 {
		return 0, nil
	}
	var last [1]byte
	if _, err := f.ReadAt(last[:], info.Size()-1); err != nil {
		return 0, fmt.Errorf("opening the metrics: %w", err)
	}
	if last[0] != '\n' {
		return 0, fmt.Errorf("%s: %w: found no newline at the end, expected one after each record", path, ErrTorn)
	}
	return info.Size(), nil
}

// Write appends one record in one write call. A record that is not finite is
// refused. After a failed write (a full disk) the file is cut back to its last
// whole line, so that a later Write may succeed.
func (l *Log) Write(r Record) error {
	if l.err != nil {
		return l.err
	}
	line, err := encode(r, true)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	n, err := l.file.Write(line)
	if err == nil && n < len(line) {
		err = io.ErrShortWrite
	}
	if err != nil {
		err = fmt.Errorf("writing the metrics: %w", err)
		if terr := l.file.Truncate(l.size); terr != nil {
			l.err = fmt.Errorf("%w (and %s could not be cut back: %v)", err, l.path, terr)
			return l.err
		}
		return err
	}
	l.size += int64(n)
	return nil
}

// Sync makes the records durable. Call it before saving a checkpoint.
func (l *Log) Sync() error {
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("syncing the metrics: %w", err)
	}
	return nil
}

// Close syncs and closes the file.
func (l *Log) Close() error {
	err := l.Sync()
	if cerr := l.file.Close(); err == nil {
		err = cerr
	}
	return err
}

// Read returns the records of a file. A last line without its newline is what
// a killed run leaves, and is ignored; any other line that is no record is an
// error that wraps [ErrMalformed] and names the line.
func Read(path string) ([]Record, error) {
	var all []Record
	_, err := scan(path, func(_ []byte, r Record) error {
		all = append(all, r)
		return nil
	})
	return all, err
}

// scan calls each for every whole line, with its newline, and reports whether
// a torn one follows.
func scan(path string, each func(line []byte, r Record) error) (torn bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return false, fmt.Errorf("reading the metrics: %w", err)
	}
	defer f.Close()
	in := bufio.NewReader(f)
	for number := 1; ; number++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return len(line) > 0, nil
		}
		if err != nil {
			return false, fmt.Errorf("reading the metrics: %w", err)
		}
		r, err := decode(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil {
			return false, fmt.Errorf("%s:%d: %w", path, number, err)
		}
		if err := each(line, r); err != nil {
			return false, err
		}
	}
}

// TruncateAfter drops the records of steps above step and a torn last line, so
// that a run resumed from the checkpoint of that step can append. The new file
// replaces the old one whole; the lines that stay keep their bytes. A missing
// file is no error; a malformed line is, as in [Read], and changes nothing.
func TruncateAfter(path string, step int64) error { return CutTo(path, step, step) }

// CutTo is TruncateAfter for a run whose last log line was that of step logged, which
// is before step: train records from there on, of steps that a stopped run had not
// logged yet, are dropped too.
func CutTo(path string, step, logged int64) (err error) {
	keep := func(r Record) bool { return r.At() <= step && (r.Kind() != "train" || r.At() <= logged) }
	drop := false
	torn, err := scan(path, func(_ []byte, r Record) error {
		drop = drop || !keep(r)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || !torn && !drop {
		return err
	}
	// One fixed name: a killed run leaves at most this file, and the next
	// call writes over it.
	tmp := path + ".tmp"
	defer func() {
		if err != nil {
			os.Remove(tmp)
		}
	}()
	if err := copyKept(tmp, path, keep); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("cutting the metrics: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

func copyKept(to, from string, keep func(Record) bool) error {
	f, err := os.Create(to)
	if err != nil {
		return fmt.Errorf("cutting the metrics: %w", err)
	}
	out := bufio.NewWriter(f)
	_, err = scan(from, func(line []byte, r Record) error {
		if !keep(r) {
			return nil
		}
		_, err := out.Write(line)
		return err
	})
	if err == nil {
		err = out.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("cutting the metrics: %w", err)
	}
	return nil
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("syncing a folder: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("syncing a folder: %w", err)
	}
	return nil
}
