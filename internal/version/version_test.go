package version

import (
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func TestNumberIsSemantic(t *testing.T) {
	if !regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$`).MatchString(Number) {
		t.Errorf("found %q, expected MAJOR.MINOR.PATCH", Number)
	}
}

func TestFull(t *testing.T) {
	const hash = "0123456789abcdef0123456789abcdef01234567"
	vcs := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{{Key: "GOOS", Value: "linux"}, {Key: "vcs.revision", Value: hash}, {Key: "vcs.modified", Value: modified}}
	}
	for _, c := range []struct {
		stamped  string
		settings []debug.BuildSetting
		want     string
	}{
		{"", nil, Number},
		{"", vcs("false"), Number + "+0123456789ab"},
		{"", vcs("true"), Number + "+0123456789ab.modified"},
		{"", []debug.BuildSetting{{Key: "vcs.revision", Value: "01234"}}, Number + "+01234"},
		{"feedbeef", vcs("true"), Number + "+feedbeef"},
		{"feedbeef-dirty", nil, Number + "+feedbeef.modified"},
	} {
		if got := full(build(c.stamped, c.settings)); got != c.want {
			t.Errorf("stamped %q, settings %v: found %s, expected %s", c.stamped, c.settings, got, c.want)
		}
	}
	if !strings.HasPrefix(Full(), Number) {
		t.Errorf("found %q, expected %s first", Full(), Number)
	}
}

func TestDescribe(t *testing.T) {
	defer func(before string) { commit = before }(commit)
	commit = "feedbeef-dirty"
	for build, want := range map[string]string{
		"plain build":           Number + " (commit feedbeef, modified, plain build, " + runtime.Version() + ")",
		"build for NVIDIA GPUs": Number + " (commit feedbeef, modified, build for NVIDIA GPUs, " + runtime.Version() + ")",
	} {
		if got := Describe(build); got != want {
			t.Errorf("found %q, expected %q", got, want)
		}
	}
}
