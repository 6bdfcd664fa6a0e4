package train

import "github.com/sparsebert/sparsebert-gpu/internal/metrics"

// seen counts what the model has read. It is part of a checkpoint; one of an older
// version has none, and then nobody knows.
type seen struct {
	Tokens      int64 `json:"tokens"`      // sequences times their length
	Predictions int64 `json:"predictions"` // masked positions
}

// add counts a step; nil stays unknown.
func (s *seen) add(tokens, predictions int64) {
	if s != nil {
		s.Tokens += tokens
		s.Predictions += predictions
	}
}

// perWeight writes what was read for each active weight of the encoder.
func (s *seen) perWeight(weights int64, rec *metrics.Train) {
	if s != nil && weights > 0 {
		rec.TokensPerWeight = float64(s.Tokens) / float64(weights)
		rec.PredictionsPerWeight = float64(s.Predictions) / float64(weights)
	}
}
