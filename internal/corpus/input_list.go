package corpus

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/fileformat"
)

// inputs are the files of a corpus, and what of its folders is none.
type inputs struct {
	files   []*input
	empty   int      // files without a byte
	markers int      // files such as _SUCCESS
	own     []string // folders that this program wrote
}

// listInputs lists the text files that paths name, in the order given. A path is a
// file, a folder, "-" for standard input, a named pipe, or "@" with the name of a file
// that lists paths. A folder stands for the files in it and below it, in the order of
// filepath.WalkDir. Of those are left out: files and folders whose names begin with a
// dot, empty files, the marker files of Hadoop and Spark, and folders that this
// program wrote. Everything else in it must be text.
//
// A DataError reports no path at all, a path that is missing or may not be read, an
// empty file that is itself a path, a folder without text, and what is neither file
// nor folder. A symbolic link to a folder is one of the last, unless it is itself a
// path: links inside a folder could lead round in a circle.
func listInputs(ctx context.Context, paths []string) (*inputs, error) {
	if len(paths) == 0 {
		return nil, badData("corpus", "no path", "a file or folder of text")
	}
	paths, err := expandLists(paths)
	if err != nil {
		return nil, err
	}
	list := &inputs{}
	for _, path := range paths {
		if err := list.add(ctx, path); err != nil {
			return nil, err
		}
	}
	list.numbered()
	return list, nil
}

// numbered gives every file its number.
func (l *inputs) numbered() {
	for i, in := range l.files {
		in.number = i
	}
}

// describe puts into a report what was left out.
func (l *inputs) describe(r *Report) {
	r.Empty, r.Markers, r.Own = l.empty, l.markers, l.own
}

// add lists one path.
func (l *inputs) add(ctx context.Context, path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		if kind := ownFolder(path); kind != "" {
			return badData(path, kind, "text")
		}
		before, empty, markers := len(l.files), l.empty, l.markers
		if err := l.walk(path); err != nil {
			return err
		}
		if len(l.files) > before {
			return nil
		}
		found := "an empty folder"
		if skipped := l.empty - empty + l.markers - markers; skipped > 0 {
			found = fmt.Sprintf("a folder with nothing but %d empty or marker files", skipped)
		}
		return badData(path, found, "text files in it")
	} else if err != nil && path != standardInput {
		return unreadable(path, err, "a file or folder of text")
	}
	in, err := newInput(ctx, path)
	if err != nil {
		return err
	}
	l.files = append(l.files, in)
	return nil
}

// walk lists the files in the folder and below it.
func (l *inputs) walk(folder string) error {
	// With a slash at its end, a folder that is itself a link is walked.
	root := strings.TrimRight(folder, string(filepath.Separator)) + string(filepath.Separator)
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return unreadable(path, err, "a file or folder of text")
		case path == root:
			return nil
		case strings.HasPrefix(entry.Name(), ".") && entry.IsDir():
			return fs.SkipDir
		case strings.HasPrefix(entry.Name(), "."):
			return nil
		case entry.IsDir():
			if ownFolder(path) != "" {
				l.own = append(l.own, path)
				return fs.SkipDir
			}
			return nil
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return unreadable(path, err, textFile)
		case info.IsDir():
			return badData(path, "a symbolic link to a folder", textFile)
		case !info.Mode().IsRegular():
			return badData(path, fileformat.KindOf(info.Mode()), textFile)
		case isMarker(entry.Name()):
			l.markers++
		case info.Size() == 0:
			l.empty++
		default:
			l.files = append(l.files, &input{path: path, size: info.Size(), mtime: info.ModTime().UnixNano()})
		}
		return nil
	})
}

// isMarker reports whether a file of this name holds no data: what Hadoop, Spark and
// Delta put beside theirs, and what a file manager does.
func isMarker(name string) bool {
	switch name {
	case "_SUCCESS", "_FAILURE", "_metadata", "_common_metadata", "Thumbs.db", "desktop.ini":
		return true
	}
	return strings.HasPrefix(name, "_committed_") || strings.HasPrefix(name, "_started_")
}

// ownFolder says what a folder is that this program wrote, "" if it did not. What was
// left unfinished counts.
func ownFolder(path string) string {
	has := func(names ...string) bool {
		for _, name := range names {
			if _, err := os.Stat(filepath.Join(path, name)); err != nil {
				return false
			}
		}
		return true
	}
	switch {
	case isShards(path):
		return "token shards"
	case has("config.yaml", "checkpoints"), has("config.yaml", "environment.json"), has("config.yaml", "status.json"):
		return "the folder of a run"
	case has("trainer.json", "model.safetensors"):
		return "a checkpoint"
	case has("sweep.yaml", "runs"), has("results.jsonl", "runs"):
		return "the folder of a sweep"
	case has("config.json", "model.safetensors"):
		return "a Hugging Face folder of weights"
	}
	return ""
}

// expandLists puts in the place of "@FILE" the paths that the file lists, one a line;
// those that are not absolute begin at its folder. Blank lines are left out.
func expandLists(paths []string) ([]string, error) {
	const want = "a list of paths, one a line"
	var out []string
	for _, path := range paths {
		name, isList := strings.CutPrefix(path, "@")
		if !isList {
			out = append(out, path)
			continue
		}
		f, err := fileformat.Open(name, want)
		if err != nil {
			return nil, dataError(err)
		}
		before := len(out)
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<16)
		for number := 1; lines.Scan() && err == nil; number++ {
			entry := lines.Text()
			switch {
			case strings.TrimSpace(entry) == "":
				continue
			case strings.HasPrefix(entry, "@"), strings.ContainsRune(entry, 0):
				err = &DataError{Path: name, Line: number, Offset: -1, Found: fmt.Sprintf("%.80q", entry), Expected: "the path of a file or folder"}
			}
			if !filepath.IsAbs(entry) {
				entry = filepath.Join(filepath.Dir(name), entry)
			}
			if _, serr := os.Stat(entry); serr != nil && err == nil {
				bad := unreadable(entry, serr, "a file or folder of text").(*DataError)
				err = &DataError{Path: name, Line: number, Offset: -1, Err: serr, Found: fmt.Sprintf("%s at %.200q", bad.Found, entry), Expected: bad.Expected}
			}
			out = append(out, entry)
		}
		if serr := lines.Err(); serr != nil && err == nil {
			if err = dataError(serr); !errors.Is(err, ErrBadData) {
				err = &DataError{Path: name, Offset: -1, Found: serr.Error(), Expected: want, Err: serr}
			}
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
		if len(out) == before {
			return nil, badData(name, "no path", want)
		}
	}
	return out, nil
}
