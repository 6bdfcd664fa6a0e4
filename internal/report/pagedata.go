package report

import (
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// pageData are the report's numbers for programs: the element report-data.
type pageData struct {
	Runs        []runData    `json:"runs"`
	Comparisons []Comparison `json:"comparisons"`
	Pairs       []Pair       `json:"pairs"`
	Figures     []string     `json:"figures"`
}

// runData has the keys of a sweep's results.jsonl, and more; null is what a run
// does not have, and the losses of one that its sweep says diverged or failed.
type runData struct {
	Name        string             `json:"name"`
	Group       string             `json:"group,omitempty"` // of the sweep, with role
	Role        string             `json:"role,omitempty"`
	Series      string             `json:"series"`
	Config      map[string]any     `json:"config"`
	Text        *train.Fingerprint `json:"text"`             // null: of an older version
	Reason      string             `json:"reason,omitempty"` // why it ended before its last step
	Status      string             `json:"status"`
	Unigram     *float64           `json:"unigram_entropy"` // of the validation text; null: not known
	Steps       int64              `json:"steps"`
	Tokens      float64            `json:"tokens"`
	FLOPs       *float64           `json:"flops"`
	AskedFLOPs  *float64           `json:"asked_flops"` // at the density asked for; null: the same, or not known
	Executed    *float64           `json:"executed_flops"`
	Growth      *float64           `json:"growth_flops,omitempty"` // of these, for the dense gradients of growth
	MLMLoss     *float64           `json:"mlm_loss"`               // of the last evaluation, with the next three
	MLMAccuracy *float64           `json:"mlm_accuracy"`
	NSPLoss     *float64           `json:"nsp_loss"`
	NSPAccuracy *float64           `json:"nsp_accuracy"`
	TestLoss    *float64           `json:"test_mlm_loss"` // on the test text, after the last step
	TestFound   *float64           `json:"test_mlm_accuracy"`
	TrainLoss   *float64           `json:"train_loss"` // MLM and NSP, of the last log line
	ExploredDOF *float64           `json:"explored_dof"`
	RemovedNew  *float64           `json:"removed_new_ratio"`
	// Of the last topology update.
	NewbornShare *float64 `json:"newborn_share"`
	StartShare   *float64 `json:"start_share"`
	Survival8    *float64 `json:"survival_8"`
	NewbornNorm  *float64 `json:"newborn_norm"`
	// Of the last log line.
	PredictionsPerWeight *float64   `json:"predictions_per_weight"`
	MFU                  *float64   `json:"mfu"`
	Seconds              float64    `json:"seconds"`
	HostBytes            int64      `json:"host_bytes"` // 0: not known
	DeviceBytes          int64      `json:"device_bytes"`
	Time                 []TimePart `json:"time"`
}

// dataOf is a run for programs.
func dataOf(r *Run) runData {
	d := runData{
		Name: r.Name, Series: seriesOf(r), Text: r.Text, Status: r.Status(), Config: map[string]any{}, Steps: r.Steps(), Tokens: float64(r.Steps()) * r.tokensPerStep(),
		Seconds: r.Seconds(), HostBytes: r.Cost.HostBytes, DeviceBytes: r.Cost.DeviceBytes, Time: r.timeParts(),
	}
	d.FLOPs, d.AskedFLOPs = known(r.FLOPsAt(r.Steps())), known(r.AskedFLOPsAt(r.Steps()))
	d.Executed = known(r.executedFLOPsAt(r.Steps()))
	if r.Estimate != nil && r.Estimate.GrowthFLOPs > 0 {
		d.Growth = known(r.growthFLOPsAt(r.Steps()))
	}
	if r.Unigram > 0 {
		d.Unigram = &r.Unigram
	}
	if r.Standing != nil {
		d.Reason = r.Standing.Reason
	}
	if r.result != nil {
		d.Group, d.Role = r.result.Group, r.result.Role
	}
	c := r.Config
	for _, s := range settings.All() {
		value := s.Value(&c)
		if v, ok := value.(float64); !ok || finite(v) {
			d.Config[s.Key] = value
		}
	}
	if f := r.Final(); f != nil {
		d.MLMLoss, d.MLMAccuracy, d.NSPLoss, d.NSPAccuracy = &f.MLMLoss, &f.MLMAccuracy, known(f.NSPLoss), known(f.NSPAccuracy)
	}
	if t := r.Test; t != nil && !r.broken() {
		d.TestLoss, d.TestFound = &t.MLMLoss, &t.MLMAccuracy
	}
	if n := len(r.Train); n > 0 && !r.broken() {
		last := &r.Train[n-1].Record
		d.TrainLoss, d.MFU, d.PredictionsPerWeight = &last.Loss, known(aboveZero(last.MFU)), known(aboveZero(last.PredictionsPerWeight))
	}
	if n := len(r.Topology); n > 0 {
		last := &r.Topology[n-1]
		d.ExploredDOF, d.RemovedNew = &last.ExploredDOF, known(removedNewOf(*last))
		d.NewbornShare, d.StartShare, d.Survival8, d.NewbornNorm = last.NewbornShare, last.StartShare, last.Survival8, last.NewbornNorm
	}
	return d
}
