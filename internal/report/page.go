package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/train"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{"known": knownText}).Parse(pageText))

// known returns a number that may not be there: nil for one that is not finite.
func known(v float64) *float64 {
	if !finite(v) {
		return nil
	}
	return &v
}

// knownText writes a number that may not be there.
func knownText(format string, v *float64) string {
	if v == nil {
		return "–"
	}
	return fmt.Sprintf(format, *v)
}

// Report is what was made of some runs: the page, and its figures.
type Report struct {
	data        *Data
	shared      []figure // of all runs
	details     []*detail
	perRun      [][]figure
	groups      []*group
	text        string // that of the final figures: see finalText
	Comparisons []Comparison
	Pairs       []Pair
}

// New works out the report of runs that Load has read. It reads the checkpoints of
// the runs that are shown one by one.
func New(d *Data) (*Report, error) {
	if len(d.Runs) == 0 {
		return nil, dataErrorf("report: found no run, expected at least one")
	}
	r := &Report{data: d}
	nameSeries(d.Runs)
	r.text = finalText(d.Runs)
	d.Warnings = append(d.Warnings, repeated(d.Runs)...)
	_, colors := seriesColors(d.Runs)
	costs := []cost{paperFLOPs, allFLOPs}
	if d.steps != nil {
		costs = append(costs, d.steps.cost())
		d.Warnings = append(d.Warnings, d.steps.lacking(d.Runs)...)
	}
	for _, by := range costs {
		if c := costChart(d.Runs, colors, by); c != nil {
			r.shared = append(r.shared, c)
		}
	}
	if c := rateChart(d.Runs, colors); c != nil {
		r.shared = append(r.shared, c)
	}
	r.shared = append(r.shared, runCharts(d.Runs)...)
	r.groups = groups(d.Runs)
	r.Comparisons = comparisons(r.groups, denseFamilies(r.groups))
	r.Pairs = pairs(r.groups)
	r.details = details(d.Runs)
	for _, one := range r.details {
		r.perRun = append(r.perRun, one.figures())
	}
	return r, nil
}

// Empty says that no run has a record yet.
func (r *Report) Empty() bool {
	return !slices.ContainsFunc(r.data.Runs, func(run *Run) bool { return run.Steps() > 0 || len(run.Snapshots) > 0 })
}

// Warnings say what was passed over or does not agree, a line each.
func (r *Report) Warnings() []string { return r.data.Warnings }

// view is what the template shows.
type view struct {
	Title    string
	Made     string
	Style    template.CSS
	Script   template.JS
	Watch    bool
	Warnings []string
	Cards    []card
	Shared   []figureView
	Text     string // of the final figures
	Series   []seriesView
	NoLoss   string // names the runs that diverged or failed, which are in no mean
	Pairs    []pairView
	Compare  []Comparison
	Columns  []string // settings in which the runs differ
	Rows     []rowView
	Details  []detailView
	Data     pageData
}

type figureView struct {
	Name, Caption string
	Wide          bool
	SVG, Narrow   template.HTML
}

type rowView struct {
	Name, Status string
	Settings     []string
	Numbers      []cellView
}

// cellView is a number as shown and, for sorting, as it is.
type cellView struct {
	Text string
	Sort string
}

type detailView struct {
	Name, Note  string
	Figures     []figureView
	Settings    [][2]string
	Environment [][2]string
	Tensors     []train.InspectedTensor
}

// HTML writes the page. watch: as `report --watch` serves it, which asks the server
// for news; else no request leaves it.
func (r *Report) HTML(out io.Writer, watch bool) error {
	v := view{
		Title: "sparsebert-gpu report", Made: time.Now().Format("2006-01-02 15:04"), Watch: watch,
		Style: template.CSS(chartStyle() + pageStyle), Script: template.JS(pageScript),
		Warnings: r.data.Warnings, Compare: r.Comparisons,
	}
	if len(r.data.Runs) == 1 {
		v.Title = r.data.Runs[0].Name
	} else {
		v.Title = fmt.Sprintf("%d runs", len(r.data.Runs))
		if r.data.Sweep != "" {
			v.Title = fmt.Sprintf("%s: %s", r.data.Sweep, v.Title)
		}
	}
	v.Cards, v.Warnings = r.cards(), append(slices.Clone(v.Warnings), r.tooShort()...)
	v.Series, v.Pairs, v.Text = r.seriesRows(), r.pairRows(), r.text
	v.NoLoss = brokenText(slices.DeleteFunc(slices.Clone(r.data.Runs), func(run *Run) bool { return !run.broken() || run.Candidate() }))
	var err error
	if v.Shared, err = drawAll(r.shared); err != nil {
		return err
	}
	v.Columns = differing(r.data.Runs)
	for _, run := range r.data.Runs {
		v.Rows = append(v.Rows, rowOf(run, v.Columns))
		v.Data.Runs = append(v.Data.Runs, dataOf(run))
	}
	v.Data.Comparisons, v.Data.Pairs = r.Comparisons, r.Pairs
	for i, d := range r.details {
		one := detailView{Name: d.run.Name, Note: d.note, Settings: settingsOf(d.run.Config)}
		if one.Figures, err = drawAll(r.perRun[i]); err != nil {
			return err
		}
		if e := d.run.Environment; e != nil {
			one.Environment = [][2]string{
				{"started", e.Started}, {"command", strings.Join(e.Command, " ")}, {"version", e.Version}, {"revision", e.Revision}, {"modified", fmt.Sprint(e.Modified)},
				{"go", e.GoVersion}, {"system", e.System}, {"processor", e.CPU}, {"cores", fmt.Sprint(e.Cores)}, {"device", e.Device},
			}
		}
		if s := d.run.Standing; s != nil {
			one.Environment = append(one.Environment, [][2]string{
				{"state", s.State}, {"reason", s.Reason}, {"host", s.Host}, {"processes", fmt.Sprint(len(s.Processes))}, {"updated", s.Updated},
			}...)
		}
		if d.inspect != nil {
			for _, t := range d.inspect.Tensors {
				if t.Topology != nil {
					one.Tensors = append(one.Tensors, t)
				}
			}
		}
		v.Details = append(v.Details, one)
	}
	for _, f := range r.figures() {
		v.Data.Figures = append(v.Data.Figures, f.meta().name)
	}
	var page bytes.Buffer // the template may fail half-way
	if err := pageTemplate.Execute(&page, v); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	_, err = page.WriteTo(out)
	return err
}

// figures lists all of the report's figures.
func (r *Report) figures() []figure {
	return append(slices.Clone(r.shared), slices.Concat(r.perRun...)...)
}

// drawAll draws figures for the page.
func drawAll(figures []figure) ([]figureView, error) {
	var out []figureView
	for _, f := range figures {
		a := f.meta()
		svg, err := drawSVG(f, a.w, a.h, false)
		if err != nil {
			return nil, err
		}
		one := figureView{Name: a.name, Caption: a.caption, Wide: a.wide, SVG: template.HTML(svg)}
		if a.wide {
			w, h := f.narrow()
			if svg, err = drawSVG(f, w, h, false); err != nil {
				return nil, err
			}
			one.Narrow = template.HTML(svg)
		}
		out = append(out, one)
	}
	return out, nil
}

// settingsOf lists the settings of a configuration that its method has a use for.
func settingsOf(c train.Config) [][2]string {
	var out [][2]string
	for _, s := range settings.All() {
		if s.UsedBy(&c) {
			out = append(out, [2]string{s.Key, settingText(s, &c)})
		}
	}
	return out
}

func settingText(s settings.Setting, c *train.Config) string {
	return fmt.Sprint(s.Value(c))
}

// shortSetting is settingText for a table: the page's data have all digits. What a
// method has no use for is not shown.
func shortSetting(s settings.Setting, c *train.Config) string {
	if !s.UsedBy(c) {
		return "–"
	}
	if v, ok := s.Value(c).(float64); ok {
		return fmt.Sprintf("%.4g", v)
	}
	return settingText(s, c)
}

// differing returns the settings, those of the way a run is carried out aside, in
// which the runs that have a use for them differ.
func differing(runs []*Run) []string {
	var out []string
	for _, s := range settings.All() {
		if s.Running {
			continue
		}
		values := map[string]bool{}
		for _, r := range runs {
			if s.UsedBy(&r.Config) {
				values[settingText(s, &r.Config)] = true
			}
		}
		if len(values) > 1 {
			out = append(out, s.Key)
		}
	}
	return out
}

// rowOf is a run's row of the table.
func rowOf(r *Run, columns []string) rowView {
	row := rowView{Name: r.Name, Status: r.Status()}
	if r.Candidate() {
		row.Status += ", candidate"
	}
	for _, s := range settings.All() {
		if slices.Contains(columns, s.Key) {
			row.Settings = append(row.Settings, shortSetting(s, &r.Config))
		}
	}
	add := func(v float64, format func(float64) string) {
		if !finite(v) {
			row.Numbers = append(row.Numbers, cellView{"–", ""})
			return
		}
		row.Numbers = append(row.Numbers, cellView{format(v), fmt.Sprint(v)})
	}
	f := r.Final()
	if f == nil {
		n := math.NaN()
		f = &metrics.Eval{MLMLoss: n, MLMAccuracy: n, NSPLoss: n, NSPAccuracy: n}
	}
	short := func(v float64) string { return fmt.Sprintf("%.1f%%", 100*v) }
	add(f.MLMLoss, func(v float64) string { return fmt.Sprintf("%.4f", v) })
	add(f.MLMAccuracy, short)
	add(f.NSPLoss, func(v float64) string { return fmt.Sprintf("%.4f", v) })
	add(f.NSPAccuracy, short)
	asked := r.AskedFLOPsAt(r.Steps())
	add(r.FLOPsAt(r.Steps()), func(v float64) string {
		if finite(asked) && metric(asked) != metric(v) {
			return fmt.Sprintf("%s (asked: %s)", metric(v), metric(asked))
		}
		return metric(v)
	})
	explored := math.NaN()
	if n := len(r.Topology); n > 0 {
		explored = r.Topology[n-1].ExploredDOF
	}
	add(explored, short)
	add(r.Seconds(), duration)
	return row
}
