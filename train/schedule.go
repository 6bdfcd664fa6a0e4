package train

// learningRate is the rate of the step after `done` finished ones: linear
// warm-up over the first `warmup` steps, then linear decay to 0 at `total`
// (paper, training recipe). Step 0 already has peak/warmup, so that no step is
// lost.
func learningRate(peak float64, done, warmup, total int64) float64 {
	if done < warmup {
		return peak * float64(done+1) / float64(warmup)
	}
	if total <= warmup {
		return peak
	}
	return peak * float64(total-done) / float64(total-warmup)
}
