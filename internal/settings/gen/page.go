package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/settings"
)

// intro begins the page.
const intro = `<!-- Made from the table of settings by internal/settings/gen; do not edit. -->

# Settings

Every setting of a training run has one name. It is a flag of ` + "`train`" + ` (` + "`--max-steps`" + `), a key of
the file of ` + "`--config`" + ` (` + "`max_steps`" + `), and an environment variable (` + "`SPARSEBERT_MAX_STEPS`" + `).
A flag goes over the environment, and the environment over the file.

A run writes its settings to ` + "`config.yaml`" + `, with every default worked out. Settings marked
"yes" under *resume* say how a run is carried out and may change when it is resumed. All others
determine the numbers of the run. A value in parentheses has a meaning of its own.

Numbers are decimal everywhere: 010 is ten. A path may hold any bytes: ` + "`config.yaml`" + ` has it plain,
in quotes, or as ` + "`!!binary`" + ` in base64. An unknown variable ` + "`SPARSEBERT_...`" + ` is an error, but for
those that Kubernetes makes of a service of that name.

The column *also* names what else has the setting: ` + "`sweep`" + ` as a flag, a sweep's *file*, ` + "`flops`" + `,
` + "`import`" + `, and the commands that run on a *device* (` + "`eval`, `fill-mask`, `bench`,\n`verify`" + `).
`

// page returns the text of docs/settings.md.
func page() []byte {
	var out bytes.Buffer
	out.WriteString(intro)
	var group settings.Group
	for _, s := range settings.All() {
		if s.Group != group {
			group = s.Group
			_, title, _ := strings.Cut(string(group), " ")
			fmt.Fprintf(&out, "\n## %s\n\n", strings.ToUpper(title[:1])+title[1:])
			out.WriteString("| key | default | values | what it is | used | resume | also |\n|---|---|---|---|---|---|---|\n")
		}
		used := "always"
		if s.Used != nil {
			used = s.Used.String()
		}
		row := []string{key(s), code(defaultText(s)), s.Expected(), s.Help, used, yes(s.Running || s.Path), also(s)}
		for i := range row {
			row[i] = strings.ReplaceAll(row[i], "|", "\\|")
		}
		fmt.Fprintf(&out, "| %s |\n", strings.Join(row, " | "))
	}
	return out.Bytes()
}

// key is a setting's key with the short names of its flag.
func key(s settings.Setting) string {
	text := code(s.Key)
	for _, a := range s.Aliases {
		if len(a) == 1 {
			text += ", " + code("-"+a)
		} else {
			text += ", " + code("--"+a)
		}
	}
	return text
}

// code sets a text as code, an empty one as nothing.
func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

// also lists what else has a setting.
func also(s settings.Setting) string {
	var out []string
	for _, c := range []struct {
		command settings.Commands
		name    string
	}{
		{settings.Sweep, "sweep"}, {settings.SweepFile, "file"}, {settings.Flops, "flops"}, {settings.Import, "import"}, {settings.Device, "device"},
	} {
		if s.Commands&c.command != 0 {
			out = append(out, c.name)
		}
	}
	return strings.Join(out, ", ")
}
