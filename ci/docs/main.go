// Docs checks the Markdown pages of the repository, in whose root it runs:
//
//	go run ./ci/docs links     every link to a file or a heading leads there
//	go run ./ci/docs commands  executes the blocks that are marked for it
//	go run ./ci/docs columns   prose has at most 100 columns
//	go run ./ci/docs hashes    no page names a commit by its hash
package main

import (
	"fmt"
	"os"
)

func main() {
	wrong, err := run(os.Args[1:])
	for _, line := range wrong {
		fmt.Println(line)
	}
	if err == nil && len(wrong) > 0 {
		err = fmt.Errorf("%s: found %d faults, expected none", os.Args[1], len(wrong))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

// run returns what is wrong, a line each, and says what it looked at.
func run(args []string) (wrong []string, err error) {
	if len(args) != 1 {
		return nil, fmt.Errorf("found %d words, expected links, commands, columns or hashes", len(args))
	}
	all, err := pages()
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("found no page, expected some")
	}
	said := "all as expected"
	switch args[0] {
	case "links":
		followed := 0
		wrong, followed = links(all, ".")
		said = fmt.Sprintf("%d links", followed)
	case "commands":
		ran := 0
		wrong, ran, err = commands(all, ".", os.Stdout)
		said = fmt.Sprintf("%d blocks of commands", ran)
	case "columns":
		wrong = columns(all)
	case "hashes":
		wrong = hashes(all)
	default:
		err = fmt.Errorf("found %q, expected links, commands, columns or hashes", args[0])
	}
	if err == nil && len(wrong) == 0 {
		fmt.Printf("docs: %s: %d pages, %s\n", args[0], len(all), said)
	}
	return wrong, err
}
