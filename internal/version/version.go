// Package version says which build of the program this is.
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// Number is the program's version, by the rules of Semantic Versioning.
const Number = "0.2.0"

// commit is what the linker was told: ci/build-cuda.sh sets it where there is no git to ask.
var commit string

// Build returns the commit that the program was built from, shortened to twelve digits, and
// whether files differed from it. Where neither the linker nor Go knows the commit, it is "".
func Build() (revision string, modified bool) {
	var settings []debug.BuildSetting
	if info, ok := debug.ReadBuildInfo(); ok {
		settings = info.Settings
	}
	return build(commit, settings)
}

// build is Build with what it reads.
func build(stamped string, settings []debug.BuildSetting) (revision string, modified bool) {
	if stamped != "" {
		return strings.CutSuffix(stamped, "-dirty")
	}
	const digits = 12
	for _, s := range settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value[:min(digits, len(s.Value))]
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	return revision, modified
}

// Full is the version with its commit where that is known, as 0.2.0+0123456789ab.modified. Two
// programs with the same text are built from the same source, unless it is modified.
func Full() string { return full(Build()) }

func full(revision string, modified bool) string {
	text := Number
	if revision != "" {
		text += "+" + revision
		if modified {
			text += ".modified"
		}
	}
	return text
}

// Describe is what --version prints after the program's name: the number, and in brackets the
// commit, which build this is, such as "plain build", and Go's version.
func Describe(build string) string {
	var facts []string
	if revision, modified := Build(); revision != "" {
		facts = append(facts, "commit "+revision)
		if modified {
			facts = append(facts, "modified")
		}
	}
	return fmt.Sprintf("%s (%s)", Number, strings.Join(append(facts, build, runtime.Version()), ", "))
}
