package backend

import "github.com/sparsebert/sparsebert-gpu/sparse"

// Optimizer changes parameters.
type Optimizer interface {
	// ZeroGrad sets the gradients to zero.
	ZeroGrad(params []Param)
	// GradNorm gives norm[0] = sqrt of the sum of all squared gradients: norm
	// is float32 [1]. Not finite when any gradient is not.
	GradNorm(norm Buffer, params []Param)
	// AdamW does one optimizer step (Loshchilov and Hutter 2019, with bias
	// correction). g is the gradient times min(1, MaxGradNorm/norm); then
	//
	//	m = beta1 m + (1-beta1) g,  v = beta2 v + (1-beta2) g^2
	//	W -= LR ( (m/(1-beta1^a)) / (sqrt(v/(1-beta2^a)) + eps) + decay W )
	//
	// The age a is Step+1 for a dense tensor and Step+1-Born for a block of a
	// sparse one, so that a newborn block starts like a new tensor; with GlobalClock
	// it is Step+1 for all. In a sparse tensor LR is multiplied by SparseRate, in
	// float32. Group Lasso (paper, appendix on regularization) then shrinks each
	// block of a sparse tensor by W -= LR lambda sqrt(B^2) wstd W / sqrt(sum W^2 +
	// 1e-6). When norm[0] is not finite nothing changes. A block born after Step is
	// an error.
	AdamW(params []Param, norm Buffer, c AdamConfig)

	// BlockGradL1 adds to the parameter's growth scores, float32 [positions],
	// the L1 norm of every block, active or not, of the dense gradient dy^T x.
	// The dense gradient itself is never stored. dy is [T, O], x is [T, I].
	BlockGradL1(w Param, dy, x Buffer, t int)
	// GrowScores is the buffer of those scores. It exists from the first call
	// on, zeroed; UpdateTopology zeroes it again.
	GrowScores(w Param) Buffer
	// UpdateTopology prunes and regrows every given sparse parameter as
	// sparse.Topology.UpdateIn defines, zeroes values and moments of newborn
	// blocks and rebuilds both views. Gradients stay as they are. Dense parameters
	// are skipped. The result is bit-identical on every backend. A criterion that the
	// device lacks is an error that names it; Capabilities.Criteria tells beforehand.
	UpdateTopology(params []Param, u sparse.Update)
	// UpdateStats waits and returns, for each given sparse parameter, the
	// statistics of the last UpdateTopology. When there was none, or SetTopology
	// came after it: sparse.Topology.Stats at the step of BeginStep.
	UpdateStats(params []Param) ([]sparse.Stats, error)
}

// Rate returns the learning rate of a tensor, lr times SparseRate where it is
// block-sparse.
func (c AdamConfig) Rate(lr float32, sparse bool) float32 {
	if sparse && c.SparseRate != 0 {
		return lr * c.SparseRate
	}
	return lr
}

// AdamConfig holds the constants of the optimizer.
type AdamConfig struct {
	Beta1, Beta2, Eps float32
	WeightDecay       float32
	GroupLasso        float32 // lambda_group; 0: off
	GroupLassoStd     float32 // wstd of the rule
	MaxGradNorm       float32 // 0: no clipping
	SparseRate        float32 // factor on LR in block-sparse tensors; 0 counts as 1
	GlobalClock       bool    // the bias correction of every block counts from the run's start
}
