package corpus

import (
	"slices"
	"testing"
)

// Documents are counted wherever they stand in the other text; those that only have the same
// sizes are not.
func TestSharedWith(t *testing.T) {
	docs, v := uniqueCorpus(t, 40)
	store := func(docs ...Document) *Store {
		s, err := NewStore(t.Context(), "text", slices.Values(docs), v, 1)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	tokens := func(docs ...Document) int64 { return store(docs...).Tokens() }
	whole := store(docs...)
	twice, again := docs[0], docs[7]
	for name, k := range map[string]struct {
		valid, train *Store
		want         Shared
	}{
		"the same file":  {whole, whole, Shared{40, whole.Tokens()}},
		"none":           {store(docs[:5]...), store(docs[5:]...), Shared{}},
		"two, elsewhere": {store(docs[30], again, docs[31], twice), store(docs[:20]...), Shared{2, tokens(again, twice)}},
		"each time":      {store(twice, twice, docs[30]), store(docs[:20]...), Shared{2, tokens(twice, twice)}},
		"same sizes": {store(Document{Sentences: []string{"w00005 w00006", "w00007"}}), store(Document{Sentences: []string{"w00005 w00006", "w00008"}},
			Document{Sentences: []string{"w00005", "w00006 w00007"}}), Shared{}},
	} {
		if got := k.valid.SharedWith(k.train); got != k.want {
			t.Errorf("%s: found %+v, expected %+v", name, got, k.want)
		}
	}
	train, valid, err := store(slices.Concat(docs, docs)...).Split(7)
	if err != nil {
		t.Fatal(err)
	}
	if got := valid.SharedWith(train); got.Documents != valid.Documents() || got.Tokens != valid.Tokens() {
		t.Errorf("a text that stands twice, split: found %+v, expected all %d documents", got, valid.Documents())
	}
}
