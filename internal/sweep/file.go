package sweep

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/strictyaml"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// File is a sweep's file, every key and value checked for itself.
type File struct {
	Description string
	Groups      []Group
	Fit         *Fit
	// Text is the file as it was read.
	Text []byte

	folder string // that relative paths in the file start from
}

// Group is one grid: fixed settings, and lists that are crossed.
type Group struct {
	Name  string
	Line  int
	set   []settings.Given // of defaults, then of set
	cross []axis
	tune  *tune
}

// axis is a setting with the values that it takes, in the file's order.
type axis struct {
	key    string
	line   int
	values []settings.Given
	named  map[string]int // how many values have a name in names of runs, in small letters
}

// tune says how a group's learning rate is chosen.
type tune struct {
	line  int
	rates axis
	per   []string // keys of cross for whose values the rate is chosen separately
	// seed is that of the runs that try the rates; no run of the group has it.
	seed *settings.Given
}

// Fit says which groups' runs the learning-rate rule is fitted to.
type Fit struct{ Groups []string }

// Limits on what a file may ask for, so that a slip ends in a line.
const (
	maxFileBytes = 1 << 20
	maxRuns      = 10000
	maxName      = 200 // letters of a run's name, which is a folder's
)

// groupName is what a group may be called: its runs' folders begin with it.
var groupName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,47}$`)

// Load reads a sweep's file. Errors are train.ErrUsage and name file and line.
func Load(path string) (*File, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxFileBytes {
		return nil, usage.Errorf("%s: found %d bytes, expected a sweep's file of at most %d", path, info.Size(), maxFileBytes)
	}
	data, err := strictyaml.ReadFile(path, "a readable sweep's file")
	if err != nil {
		return nil, err
	}
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, usage.Errorf("%s: %v", path, err)
	}
	return Parse(path, folder, data)
}

// Parse is Load on bytes. name stands for the file in errors; relative paths in it
// start from folder.
func Parse(name, folder string, data []byte) (*File, error) {
	y, err := strictyaml.Parse(name, data)
	if err != nil {
		return nil, err
	}
	r := reader{y: y}
	f := &File{Text: data, folder: folder}
	var groups, fit *strictyaml.Pair
	for _, p := range y.Pairs {
		switch p.Key {
		case "description":
			f.Description, err = y.Text(p)
		case "defaults":
			r.defaults, err = r.settings(p)
		case "groups":
			groups = &p
		case "fit":
			fit = &p
		default:
			err = y.Errorf(p.Line, "found unknown key %.80q, expected description, defaults, groups or fit", p.Key)
		}
		if err != nil {
			return nil, err
		}
	}
	if groups == nil {
		return nil, y.Errorf(1, "no groups given, expected a list of them")
	}
	if f.Groups, err = r.groups(*groups); err != nil {
		return nil, err
	}
	if fit != nil {
		if f.Fit, err = r.fit(*fit, f.Groups); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// reader reads the parts of a file.
type reader struct {
	y        *strictyaml.File
	defaults []settings.Given
}

// settings reads a mapping of settings.
func (r *reader) settings(p strictyaml.Pair) ([]settings.Given, error) {
	pairs, err := r.y.Mapping(p)
	if err != nil {
		return nil, err
	}
	var out []settings.Given
	for _, p := range pairs {
		g, err := r.setting(p)
		if err != nil {
			return nil, err
		}
		out = append(out, g)
	}
	return out, nil
}

// setting reads one setting, and tries its value.
func (r *reader) setting(p strictyaml.Pair) (settings.Given, error) {
	if s, ok := settings.Find(p.Key); ok && s.Commands&settings.SweepFile == 0 {
		return settings.Given{}, r.y.Errorf(p.Line, "found key %s, expected no such key in a sweep's file (the command line has it, or nobody)", p.Key)
	}
	g, err := settings.Read(r.y, p)
	if err != nil {
		return g, err
	}
	c := train.DefaultConfig()
	return g, g.Apply(&c)
}

// groups reads the list of groups.
func (r *reader) groups(p strictyaml.Pair) ([]Group, error) {
	list, err := r.y.List(p)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, r.y.Errorf(p.Line, "groups: found an empty list, expected at least one group")
	}
	var out []Group
	for _, p := range list {
		g, err := r.group(p)
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(out, func(o Group) bool { return o.Name == g.Name }); i >= 0 {
			return nil, r.y.Errorf(g.Line, "name: found %q again, first in the group on line %d, expected each name once", g.Name, out[i].Line)
		}
		out = append(out, g)
	}
	return out, nil
}

// group reads one group.
func (r *reader) group(p strictyaml.Pair) (Group, error) {
	g := Group{Line: p.Line, set: slices.Clone(r.defaults)}
	pairs, err := r.y.Mapping(p)
	if err != nil {
		return g, err
	}
	var own []settings.Given
	for _, p := range pairs {
		switch p.Key {
		case "name":
			if g.Name, err = r.y.Text(p); err == nil && !groupName.MatchString(g.Name) {
				err = r.y.Errorf(p.Line, "name: found %.80q, expected small letters, digits, - and ., at most 48, the first a letter or digit", g.Name)
			}
		case "set":
			own, err = r.settings(p)
		case "cross":
			g.cross, err = r.cross(p)
		case "tune":
			g.tune, err = r.tune(p)
		default:
			err = r.y.Errorf(p.Line, "found unknown key %.80q, expected name, set, cross or tune", p.Key)
		}
		if err != nil {
			return g, err
		}
	}
	if g.Name == "" {
		return g, r.y.Errorf(g.Line, "no name given for a group")
	}
	g.set = append(g.set, own...)
	return g, r.together(&g, own)
}

// together checks what a group's parts must keep among each other.
func (r *reader) together(g *Group, own []settings.Given) error {
	given := map[string]int{}
	for _, s := range own {
		given[s.Key] = s.Line
	}
	for _, a := range g.cross {
		if line := given[a.key]; line > 0 {
			return r.y.Errorf(a.line, "cross: found key %s, which set has on line %d, expected it in one of them", a.key, line)
		}
		given[a.key] = a.line
	}
	if g.tune == nil {
		return nil
	}
	if line := given["learning_rate"]; line > 0 {
		return r.y.Errorf(g.tune.line, "tune: found a learning_rate on line %d besides, expected it in one of them", line)
	}
	if err := r.ownSeed(g); err != nil {
		return err
	}
	if slices.Contains(g.tune.per, "seed") {
		return r.y.Errorf(g.tune.line, "tune: per: found seed, expected other keys: the rates are tried with a seed of their own")
	}
	if g.tune.per == nil {
		for _, a := range g.cross {
			if a.key != "seed" {
				g.tune.per = append(g.tune.per, a.key)
			}
		}
		return nil
	}
	for _, key := range g.tune.per {
		if !slices.ContainsFunc(g.cross, func(a axis) bool { return a.key == key }) {
			return r.y.Errorf(g.tune.line, "tune: per: found %.80q, expected a key of the group's cross", key)
		}
	}
	return nil
}

// cross reads the lists that are crossed.
func (r *reader) cross(p strictyaml.Pair) ([]axis, error) {
	pairs, err := r.y.Mapping(p)
	if err != nil {
		return nil, err
	}
	var out []axis
	for _, p := range pairs {
		a, err := r.axis(p)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// axis reads a setting with a list of values.
func (r *reader) axis(p strictyaml.Pair) (axis, error) {
	a := axis{key: p.Key, line: p.Line, named: map[string]int{}}
	if !p.IsList() { // say first if there is no such key at all
		if _, err := r.setting(p); err != nil {
			return a, err
		}
	}
	list, err := r.y.List(p)
	if err != nil {
		return a, err
	}
	if len(list) == 0 {
		return a, r.y.Errorf(p.Line, "%s: found an empty list, expected values", p.Key)
	}
	seen := make(map[string]bool, len(list)) // a list may have as many values as a sweep has runs
	for _, p := range list {
		g, err := r.setting(p)
		if err != nil {
			return a, err
		}
		if p.IsList() {
			return a, r.y.Errorf(p.Line, "%s: found a list of lists, expected a setting that has one value", p.Key)
		}
		text := valueText(g)
		if seen[text] {
			return a, r.y.Errorf(p.Line, "%s: found %s again, expected each value once", p.Key, text)
		}
		seen[text] = true
		a.named[strings.ToLower(strings.Map(plain, text))]++
		a.values = append(a.values, g)
	}
	return a, nil
}

// tune reads how the learning rate is chosen.
func (r *reader) tune(p strictyaml.Pair) (*tune, error) {
	t := &tune{line: p.Line}
	pairs, err := r.y.Mapping(p)
	if err != nil {
		return nil, err
	}
	for _, p := range pairs {
		switch p.Key {
		case "learning_rate":
			t.rates, err = r.axis(p)
		case "per":
			t.per, err = r.texts(p)
		case "seed":
			var seed settings.Given
			seed, err = r.setting(p)
			t.seed = &seed
		default:
			err = r.y.Errorf(p.Line, "tune: found unknown key %.80q, expected learning_rate, seed or per", p.Key)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(t.rates.values) == 0 {
		return nil, r.y.Errorf(p.Line, "tune: no learning_rate given, expected a list of candidates")
	}
	return t, nil
}

// rates returns how many learning rates the group tries.
func (g *Group) rates() int {
	if g.tune != nil {
		return len(g.tune.rates.values)
	}
	for _, a := range g.cross {
		if a.key == "learning_rate" {
			return len(a.values)
		}
	}
	return 0
}

// texts reads a list of texts; it is never nil.
func (r *reader) texts(p strictyaml.Pair) ([]string, error) {
	list, err := r.y.List(p)
	if err != nil {
		return nil, err
	}
	out := []string{}
	for _, p := range list {
		text, err := r.y.Text(p)
		if err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, nil
}

// fit reads what the learning-rate rule is fitted to.
func (r *reader) fit(p strictyaml.Pair, groups []Group) (*Fit, error) {
	pairs, err := r.y.Mapping(p)
	if err != nil {
		return nil, err
	}
	f := &Fit{}
	for _, p := range pairs {
		if p.Key != "groups" {
			return nil, r.y.Errorf(p.Line, "fit: found unknown key %.80q, expected groups", p.Key)
		}
		if f.Groups, err = r.texts(p); err != nil {
			return nil, err
		}
		for _, name := range f.Groups {
			if !slices.ContainsFunc(groups, func(g Group) bool { return g.Name == name }) {
				return nil, r.y.Errorf(p.Line, "fit: groups: found %.80q, expected the name of a group", name)
			}
			g := groups[slices.IndexFunc(groups, func(g Group) bool { return g.Name == name })]
			if g.rates() < 2 {
				return nil, r.y.Errorf(p.Line, "fit: groups: found %q, which tries no learning rates, expected a group with tune, or with at least two values of learning_rate in cross", name)
			}
		}
	}
	if len(f.Groups) == 0 {
		return nil, r.y.Errorf(p.Line, "fit: no groups given, expected a list of their names")
	}
	return f, nil
}
