package corpus

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/fileformat"
)

// Document is one document: where it came from and its sentences in order.
type Document struct {
	Source string // the file
	Line   int    // the line of Source on which it starts, from 1

	// Sentences is never empty. A sentence is valid UTF-8 on one line, with
	// single spaces between its words, none at its ends, and a letter or a
	// number somewhere.
	Sentences []string
}

// Files lists the text files that paths name, each a file or a folder, in the
// order given; a folder stands for the files in it and below it, in the order
// of filepath.WalkDir. Files and folders in a folder whose names start with a
// dot are skipped; everything else in it must be text, plain or in gzip or
// Zstandard.
//
// A DataError reports no path at all, a path that is missing or may not be
// read, an empty file, a folder without a file, and what is neither file nor
// folder. A symbolic link to a folder is one of the last, unless it is itself
// one of paths: links inside a folder could lead round in a circle.
func Files(paths []string) ([]string, error) {
	if len(paths) == 0 {
		return nil, badData("corpus", "no path", "a file or folder of text")
	}
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, unreadable(path, err, "a file or folder of text")
		}
		if !info.IsDir() {
			if err := checkFile(path); err != nil {
				return nil, err
			}
			files = append(files, path)
			continue
		}
		inside, err := filesBelow(path)
		if err != nil {
			return nil, err
		}
		if len(inside) == 0 {
			return nil, badData(path, "an empty folder", "text files in it")
		}
		files = append(files, inside...)
	}
	return files, nil
}

// filesBelow lists the files in the folder and below it.
func filesBelow(folder string) ([]string, error) {
	// With a slash at its end, a folder that is itself a link is walked.
	root := strings.TrimRight(folder, string(filepath.Separator)) + string(filepath.Separator)
	var files []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return unreadable(path, err, "a file or folder of text")
		case path == root:
			return nil
		case strings.HasPrefix(entry.Name(), ".") && entry.IsDir():
			return fs.SkipDir
		case strings.HasPrefix(entry.Name(), ".") || entry.IsDir():
			return nil
		}
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return badData(path, "a symbolic link to a folder", textFile)
		}
		if err := checkFile(path); err != nil {
			return err
		}
		files = append(files, path)
		return nil
	})
	return files, err
}

// checkFile reports a path that is no regular file or an empty one.
func checkFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return unreadable(path, err, textFile)
	case !info.Mode().IsRegular():
		return badData(path, fileformat.KindOf(info.Mode()), textFile)
	case info.Size() == 0:
		return badData(path, "an empty file", "text")
	}
	return nil
}

// ReadFile calls yield for every document in the file at path, in order. The
// file is UTF-8 text, plain, in gzip or in Zstandard; its first bytes decide,
// not its name.
//
// A line that reads "= Title =", with a blank line or the end below it, is a
// WikiText title. From the first title on, a document is what stands under one
// title, and each line is a paragraph. Before it, so throughout a file that has
// none, a document is a run of lines that are not blank, joined into one
// paragraph. A line like "= = Section = =" with a blank line below it is
// dropped, as titles are. Every paragraph is cleaned (see cleanText) and split
// into sentences (see splitSentences). A document without a sentence is left
// out.
//
// ReadFile stops at the first error. It returns yield's and ctx's unchanged;
// a DataError reports a file that is missing, empty, blank, unreadable, binary
// (a NUL, or more than one control byte in ten at its start), not UTF-8, or
// truncated or corrupt gzip or Zstandard data. Documents before the fault have
// been yielded by then.
func ReadFile(ctx context.Context, path string, yield func(Document) error) error {
	if err := checkFile(path); err != nil {
		return err
	}
	text, err := fileformat.Open(path, textFile)
	if err != nil {
		return dataError(err)
	}
	defer text.Close()
	return readText(ctx, path, text, yield)
}
