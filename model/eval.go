package model

import (
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// EvalSums are sums over a batch; those of several batches add up.
type EvalSums struct {
	MLMLossSum, NSPLossSum float64 // cross-entropy in nats
	Masked, MLMCorrect     int     // positions predicted, and predicted right
	Pairs, NSPCorrect      int     // pairs predicted, and predicted right
}

// Add returns the sums of both.
func (s EvalSums) Add(t EvalSums) EvalSums {
	return EvalSums{
		MLMLossSum: s.MLMLossSum + t.MLMLossSum, NSPLossSum: s.NSPLossSum + t.NSPLossSum,
		Masked: s.Masked + t.Masked, MLMCorrect: s.MLMCorrect + t.MLMCorrect,
		Pairs: s.Pairs + t.Pairs, NSPCorrect: s.NSPCorrect + t.NSPCorrect,
	}
}

// Eval runs the model forward without dropout and sums losses and right
// predictions. Parameters, gradients and moments do not change. Errors wrap
// ErrBatch or are the backend's.
func (m *Model) Eval(batch Batch) (EvalSums, error) {
	if err := batch.validate(m.cfg, m.opt); err != nil {
		return EvalSums{}, fmt.Errorf("evaluation: %w", err)
	}
	m.prefetched = uploaded{} // evaluation takes the place of what is there
	m.zeroStats()
	m.b.BeginStep(backend.StepScalars{Seed: m.opt.Seed})
	rows := m.upload(batch)
	m.record(sequence{what: "evaluation", size: batch.Size, rows: rows}, func() {
		m.encode(batch.Size)
		m.mlmHead(rows, false)
		if !m.cfg.NoNSP {
			m.nspHead(batch.Size, false)
		}
	})
	s, err := m.readStats()
	if err != nil {
		return EvalSums{}, fmt.Errorf("evaluation: %w", err)
	}
	return s, nil
}

// Logits runs the model forward without dropout, as Eval does, and returns the
// scores before the softmax: mlm [M, V] over the batch's used masked slots in
// their order, nsp [Size, 2], nil with NoNSP. They are as precise as the backend keeps them.
// Errors are Eval's.
func (m *Model) Logits(batch Batch) (mlm, nsp []float64, err error) {
	if _, err := m.Eval(batch); err != nil {
		return nil, nil, err
	}
	masked, _ := batch.counts(m.cfg) // whose rows come first
	if mlm, err = m.read(m.act.logits, masked*m.cfg.VocabSize); err != nil {
		return nil, nil, fmt.Errorf("reading the MLM logits: %w", err)
	}
	if m.cfg.NoNSP {
		return mlm, nil, nil
	}
	if nsp, err = m.read(m.act.nspLogits, 2*batch.Size); err != nil {
		return nil, nil, fmt.Errorf("reading the NSP logits: %w", err)
	}
	return mlm, nsp, nil
}
