package corpus

// Normalizer says what becomes of text before it is split into words. The zero
// value is that of an uncased BERT: lower case, no accents, each CJK ideograph a
// word of its own. Controls are dropped in any case. It is a part of a [Vocab]:
// tokens of cased text mean nothing to an uncased tokenizer.
type Normalizer struct {
	Cased          bool `json:"cased,omitempty"`           // capital letters stay
	KeepAccents    bool `json:"keep_accents,omitempty"`    // characters stay composed, marks stay
	JoinIdeographs bool `json:"join_ideographs,omitempty"` // CJK ideographs are letters as others are
}

// CasedNormalizer is that of a cased BERT, which keeps accents too.
func CasedNormalizer() Normalizer { return Normalizer{Cased: true, KeepAccents: true} }

// String says it in words.
func (n Normalizer) String() string {
	text := "uncased"
	if n.Cased {
		text = "cased"
	}
	if n.KeepAccents {
		text += ", with accents"
	} else {
		text += ", without accents"
	}
	if n.JoinIdeographs {
		text += ", ideographs joined"
	}
	return text
}

// WithNormalizer returns a vocabulary of the same tokens for text that n
// normalizes.
func (v *Vocab) WithNormalizer(n Normalizer) *Vocab {
	w := *v
	w.normalizer = n
	return &w
}

// Normalizer says how the vocabulary's text is normalized.
func (v *Vocab) Normalizer() Normalizer { return v.normalizer }
