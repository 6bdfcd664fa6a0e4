package backend

// Loss names the scale that CrossEntropy puts on its gradient.
type Loss uint8

// The two losses.
const (
	MLM Loss = iota
	NSP
)

// Losses are the ends of the heads.
type Losses interface {
	// CrossEntropy handles rows of c logits, each with a label (I32 [rows]);
	// negative labels are ignored. For each row it adds to stats, float32 [3]:
	// the loss -log softmax(logits)[label], 1, and 1 if the label has the
	// largest logit (the lowest index wins ties). With grad it replaces the
	// logits by scale*(softmax - onehot), zero for ignored rows, where scale is
	// the step's MLMScale or NSPScale; without grad they are left as they are.
	// The sum over rows runs in a fixed order, in float64 or better than
	// float32 by blocks.
	CrossEntropy(stats, logits, labels Buffer, rows, c int, loss Loss, grad bool)
}
