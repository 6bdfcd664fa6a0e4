package train

// PlateauMargin is how far below the unigram entropy, in nats, a loss must be before runs
// compare. Models stay near that entropy for a while before they learn context. Runs that
// end there tell how soon they leave it, and differ by little more than noise.
const PlateauMargin = 0.1

// OnPlateau tells whether a validation MLM loss is not yet PlateauMargin below the unigram
// entropy of the text; both are in nats. Of a text without entropy, one word over and over,
// it is false.
func OnPlateau(loss, unigramEntropy float64) bool {
	return unigramEntropy > 0 && !(loss < unigramEntropy-PlateauMargin)
}
