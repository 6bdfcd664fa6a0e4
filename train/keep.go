package train

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// goOn puts a runner behind the steps of the checkpoint that its run goes on with. The
// model has its state already.
func (r *runner) goOn(from *initialWeights) error {
	if from == nil || from.continued == nil {
		return nil
	}
	w := from.continued
	r.done, r.window, r.seen = w.Step, w.saved.Window, w.saved.Seen
	if r.plan.Model.Method.BlockSparse() && w.Model.Method.BlockSparse() {
		r.summary.ExploredDOF, r.summary.Updated = w.Summary.ExploredDOF, w.Summary.Updated
		r.grown = w.saved.Grown
		if added := r.plan.added; len(added) > 0 {
			r.grown = r.grown.and(added)
		}
	}
	if r.plan.Model.Method == model.Partial && !r.plan.samePart() {
		phase := r.plan.phaseAt(r.done)
		r.enter = &phase
		return nil
	}
	return r.model.ResumePhase(r.plan.wholeAfter(r.done))
}

// keep fills Kept, and counts the blocks that a continued run adds as an update.
func (p *Plan) keep(from *initialWeights) error {
	if from == nil || from.continued == nil {
		return nil
	}
	w := from.continued
	table, err := model.Table(p.Model)
	if err != nil {
		return err
	}
	kept := "weights and Adam's moments"
	if from.config.Method.BlockSparse() && p.Model.Method.BlockSparse() {
		kept = "weights, Adam's moments, topology, explored blocks and ages"
	}
	p.Kept = append(p.Kept, fmt.Sprintf("continues %s after step %d: kept are %s; the step counter and all schedules go on, to %d steps in all",
		w.Path, w.Step, kept, p.Config.MaxSteps))
	var changed []string
	for _, c := range settings.Changes(&p.before.Config, &p.Config) {
		if c.Key != "init_from" && c.Key != "init_heads" && c.Key != "epochs" {
			changed = append(changed, fmt.Sprintf("%s %s to %s", c.Key, c.From, c.To))
		}
	}
	if len(changed) > 0 {
		p.Kept = append(p.Kept, "changes: "+strings.ReplaceAll(strings.Join(changed, ", "), `"`, ""))
	}
	if o := p.Origin.Text; o != nil {
		if part := o.Differs(p.Text.Fingerprint); part != "" {
			p.Kept = append(p.Kept, "another "+part+" than before")
		}
	}
	p.keepBlocks(table, w)
	if p.Config.watchesBest() {
		p.Kept = append(p.Kept, "restarts: which evaluation is the best")
	}
	if p.Model.Method == model.Partial && !p.samePart() {
		p.Kept = append(p.Kept, "restarts: the part that is trained is chosen anew")
	}
	return nil
}

// keepBlocks says what becomes of the checkpoint's blocks.
func (p *Plan) keepBlocks(table []model.Tensor, w *Weights) {
	sparseBefore, sparseNow := w.Model.Method.BlockSparse(), p.Model.Method.BlockSparse()
	switch {
	case sparseNow && !sparseBefore:
		p.Kept = append(p.Kept, fmt.Sprintf("restarts: explored blocks and ages; the weights were dense and are pruned to the blocks of the largest %s norm, with their moments", p.Config.PruneNorm))
		return
	case sparseBefore && !sparseNow:
		p.Kept = append(p.Kept, "restarts: weights that were in no active block begin at zero, with moments of zero")
		return
	case !sparseNow:
		return
	}
	var pruned, grown int
	var added []int
	for _, row := range table {
		if !row.Sparse {
			continue
		}
		pruned += max(0, w.file.Own(row).NNZ-row.NNZ)
		more := max(0, row.NNZ-w.file.Own(row).NNZ)
		grown, added = grown+more, append(added, more)
	}
	if pruned > 0 {
		p.Kept = append(p.Kept, fmt.Sprintf("%d blocks are pruned, those of the smallest %s norm", pruned, p.Config.PruneNorm))
	}
	if grown > 0 {
		p.Origin.Updates++
		if b := &p.Origin.Births; !slices.Contains(b.Steps, int32(p.Origin.Step)) {
			b.add(p.Origin.Step)
		}
		p.added = added
		p.Kept = append(p.Kept, fmt.Sprintf("%d blocks are added, drawn by seed %d; they begin at zero, as those of a topology update", grown, p.Config.Seed))
	}
}

// startTopology returns the topology that a block-sparse tensor of the run starts with.
func (p *Plan) startTopology(row model.Tensor, from *initialWeights) (*sparse.Topology, error) {
	if from != nil {
		_, topo, err := from.parameter(row, p.Config)
		if topo != nil || err != nil {
			return topo, err
		}
	}
	return model.InitialTopology(row, p.Model, p.Config.Seed)
}
