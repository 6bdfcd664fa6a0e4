package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

const limit = 2 * time.Minute // of one block

// A block of commands that is executed begins with ```sh run. What stands in a
// block that begins with ```text output after it is what the commands print: each
// line in this order, ... for any characters, a line of ... alone for any lines.
// Blocks of a page run one after the other, in a copy of the repository of their
// own, with sparsebert-gpu on PATH.

// commands executes the marked blocks of the pages and returns what is wrong and
// how many there were. progress gets a line for each.
func commands(all []*page, root string, progress io.Writer) (wrong []string, ran int, err error) {
	scratch, err := os.MkdirTemp("", "docs")
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	for n, p := range all {
		folder := filepath.Join(scratch, fmt.Sprint(n))
		var printed string
		open := false // whether printed is of the block just before
		for _, b := range p.blocks {
			switch {
			case slices.Contains(b.info, "run"):
				if len(b.info) != 2 || b.info[0] != "sh" {
					return nil, ran, fmt.Errorf("%s:%d: found ```%s, expected ```sh run", p.file, b.line, strings.Join(b.info, " "))
				}
				if _, err := os.Stat(folder); err != nil {
					if err := prepare(root, scratch, folder); err != nil {
						return nil, ran, err
					}
				}
				start := time.Now()
				printed, err = execute(folder, scratch, b.text)
				ran++
				open = err == nil
				if err != nil {
					wrong = append(wrong, fmt.Sprintf("%s:%d: %v", p.file, b.line, err))
				}
				fmt.Fprintf(progress, "%s:%d: %.1f s\n", p.file, b.line, time.Since(start).Seconds())
			case slices.Contains(b.info, "output") && open:
				if why := compare(printed, b.text); why != "" {
					wrong = append(wrong, fmt.Sprintf("%s:%d: %s", p.file, b.line, why))
				}
			default:
				open = false
			}
		}
	}
	return wrong, ran, nil
}

// prepare copies the repository to folder and, the first time, builds the program.
func prepare(root, scratch, folder string) error {
	copying := exec.Command("bash", "-c", `set -euo pipefail
mkdir -p "$1"; git ls-files -co --exclude-standard -z | while IFS= read -r -d "" f; do if [ -e "$f" ]; then printf '%s\0' "$f"; fi; done | tar -c --null -T - | tar -x -C "$1"`, "copy", folder)
	copying.Dir = root
	if out, err := copying.CombinedOutput(); err != nil {
		return fmt.Errorf("copying the repository: %w: %s", err, out)
	}
	if _, err := os.Stat(filepath.Join(scratch, "bin")); err == nil {
		return nil
	}
	building := exec.Command("go", "build", "-o", filepath.Join(scratch, "bin", "sparsebert-gpu"), "./cmd/sparsebert-gpu")
	building.Dir = root
	building.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := building.CombinedOutput(); err != nil {
		return fmt.Errorf("building the program: %w: %s", err, out)
	}
	return nil
}

// execute runs commands with bash and returns what they print.
func execute(folder, scratch, text string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	command := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", text)
	command.Dir = folder
	command.Env = append(os.Environ(), "PATH="+filepath.Join(scratch, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"), "CGO_ENABLED=0")
	command.WaitDelay = time.Second
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	err := command.Run()
	if ctx.Err() != nil {
		return "", fmt.Errorf("ran past %s", limit)
	}
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, strings.Join(strings.Fields(out.String()), " "))
	}
	return out.String(), nil
}

// compare says which line of expected does not stand in printed where it should.
func compare(printed, expected string) string {
	lines := strings.Split(printed, "\n")
	anywhere := true
	for want := range strings.Lines(expected) {
		want = strings.TrimRight(want, " \n")
		if want == "..." {
			anywhere = true
			continue
		}
		parts := strings.Split(want, "...")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		pattern := regexp.MustCompile("^" + strings.Join(parts, ".*") + `\s*$`)
		at := slices.IndexFunc(lines, pattern.MatchString)
		if at < 0 || at > 0 && !anywhere {
			return fmt.Sprintf("found no line %q where it is expected, among %q", want, lines)
		}
		lines, anywhere = lines[at+1:], false
	}
	return ""
}
