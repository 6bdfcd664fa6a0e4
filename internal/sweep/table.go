package sweep

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/sparsebert/sparsebert-gpu/internal/cost"
)

// Write writes for people what a sweep would take.
func (p *Preview) Write(w io.Writer) error {
	_, err := fmt.Fprintf(w, `%d runs, %d finished; those left: %d steps, %.3g FLOPs by the paper's count
memory of the largest run: %s (%s)
disk: %s for one checkpoint of every run
`, p.Runs, p.Finished, p.Steps, p.FLOPs, cost.Mebibytes(p.Memory), p.MemoryOf, cost.Mebibytes(p.CheckpointSum))
	if p.Jobs > 1 && err == nil {
		_, err = fmt.Fprintf(w, "memory of %d runs at a time: %s\n", p.Jobs, cost.Mebibytes(p.MemoryOfJobs))
	}
	for _, warning := range p.PlanWarnings {
		about := "run " + warning.Run
		if warning.Runs > 1 {
			about = fmt.Sprintf("%d runs, the first %s", warning.Runs, warning.Run)
		}
		if err == nil {
			_, err = fmt.Fprintf(w, "warning: %s: %s\n", about, warning.Text)
		}
	}
	return err
}

// WriteStandings writes how far each run is, as a table.
func WriteStandings(w io.Writer, runs []Standing) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "RUN\tSTATE\tSTEPS\tMLM LOSS")
	for _, r := range runs {
		steps, loss := fmt.Sprint(r.Done), ""
		if r.Steps > 0 {
			steps += fmt.Sprint("/", r.Steps)
		}
		if r.MLMLoss != nil {
			loss = fmt.Sprintf("%.4f", *r.MLMLoss)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", r.Run.Name, r.State, steps, loss)
	}
	return t.Flush()
}

// WriteGroups writes what became of the runs of each group and which was best, as a table.
func (s *Sweep) WriteGroups(w io.Writer) error {
	var names []string
	for _, g := range s.File.Groups {
		names = append(names, g.Name)
	}
	return writeGroups(w, names, s.Results())
}

func writeGroups(w io.Writer, groups []string, results []*Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "GROUP\tDONE\tDIVERGED\tFAILED\tBEST MLM LOSS\tRUN")
	for _, group := range groups {
		counts := map[string]int{}
		var best *Result
		for _, r := range results {
			if r.Group != group {
				continue
			}
			counts[r.Status]++
			if r.Role == RoleCandidate {
				continue
			}
			if r.MLMLoss != nil && (best == nil || *r.MLMLoss < *best.MLMLoss) {
				best = r
			}
		}
		name, loss := "", ""
		if best != nil {
			name, loss = best.Name, fmt.Sprintf("%.4f", *best.MLMLoss)
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%s\t%s\n", group, counts[Done], counts[Diverged], counts[Failed], loss, name)
	}
	return t.Flush()
}
