package corpus

import (
	"cmp"
	"container/heap"
	"context"
	"strings"
)

// merger makes the vocabulary grow merge by merge. It keeps, for every pair of
// neighboring tokens, how often it occurs and in which words, so that a merge
// looks only at the words it changes.
type merger struct {
	tokens []string
	ids    map[string]int32
	words  [][]int32 // each word's tokens
	counts []int64   // each word's count
	pairs  map[tokenPair]*pairUse
	queue  pairQueue
	made   func(tokens int) // told from time to time how far it is; may be nil
}

// tokenPair is two neighboring tokens of a word, by id.
type tokenPair struct{ left, right int32 }

type pairUse struct {
	count int64
	words []int32 // those with the pair; a word may be listed after it lost it
}

// newMerger starts from the special tokens and the characters, and drops the
// words that need another character.
func newMerger(words []wordCount, characterTokens []string) *merger {
	m := &merger{ids: map[string]int32{}, pairs: map[tokenPair]*pairUse{}}
	m.queue.tokens = &m.tokens
	for _, token := range specialTokens {
		m.id(token)
	}
	for _, token := range characterTokens {
		m.id(token)
	}
next:
	for _, w := range words {
		var split []int32
		for token := range characters(w.word) {
			id, ok := m.ids[token]
			if !ok {
				continue next
			}
			split = append(split, id)
		}
		m.words = append(m.words, split)
		m.counts = append(m.counts, w.count)
		m.count(len(m.words)-1, w.count, func(tokenPair) bool { return true })
	}
	for p, use := range m.pairs { // in any order: the queue's is total
		m.queue.entries = append(m.queue.entries, queuedPair{p, use.count})
	}
	heap.Init(&m.queue)
	return m
}

// id returns the id of token, a new one if it has none.
func (m *merger) id(token string) int32 {
	id, ok := m.ids[token]
	if !ok {
		id = int32(len(m.tokens))
		m.ids[token] = id
		m.tokens = append(m.tokens, token)
	}
	return id
}

// count adds delta to the count of every pair in word w, and lists the word
// under those pairs that list picks.
func (m *merger) count(w int, delta int64, list func(tokenPair) bool) {
	tokens := m.words[w]
	for i := range len(tokens) - 1 {
		p := tokenPair{tokens[i], tokens[i+1]}
		use := m.pairs[p]
		if use == nil {
			use = &pairUse{}
			m.pairs[p] = use
		}
		use.count += delta
		if n := len(use.words); list(p) && (n == 0 || use.words[n-1] != int32(w)) {
			use.words = append(use.words, int32(w))
		}
	}
}

// grow merges until there are size tokens or nothing is left to merge. It
// returns ctx's error once ctx is done.
func (m *merger) grow(ctx context.Context, size int) error {
	for step := 0; len(m.tokens) < size; step++ {
		if step%256 == 0 {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if m.made != nil {
				m.made(len(m.tokens))
			}
		}
		if !m.merge() {
			return nil
		}
	}
	return nil
}

// merge joins the most frequent pair everywhere. It returns false if no pair is
// left. The token may be there already, made of another pair; the words shrink
// all the same.
func (m *merger) merge() bool {
	p, ok := m.mostFrequent()
	if !ok {
		return false
	}
	joined := m.id(m.tokens[p.left] + strings.TrimPrefix(m.tokens[p.right], continuationPrefix))
	made := map[tokenPair]bool{} // pairs of the joined token, whose counts rise
	for _, w := range m.pairs[p].words {
		m.count(int(w), -m.counts[w], func(tokenPair) bool { return false })
		m.words[w] = joinPair(m.words[w], p, joined)
		m.count(int(w), m.counts[w], func(q tokenPair) bool {
			hit := q.left == joined || q.right == joined
			if hit {
				made[q] = true
			}
			return hit
		})
	}
	delete(m.pairs, p)
	for q := range made {
		heap.Push(&m.queue, queuedPair{q, m.pairs[q].count})
	}
	return true
}

// mostFrequent takes the pair to merge from the queue. An entry there may be
// older than its pair's count: if the count has risen since, a newer entry has
// come before it; if it has fallen, the entry goes back with the count of now.
func (m *merger) mostFrequent() (tokenPair, bool) {
	for m.queue.Len() > 0 {
		entry := heap.Pop(&m.queue).(queuedPair)
		use := m.pairs[entry.tokenPair]
		switch {
		case use == nil || use.count <= 0:
		case use.count == entry.count:
			return entry.tokenPair, true
		case use.count < entry.count:
			heap.Push(&m.queue, queuedPair{entry.tokenPair, use.count})
		}
	}
	return tokenPair{}, false
}

// joinPair replaces every p in tokens by joined, from left to right, in place.
func joinPair(tokens []int32, p tokenPair, joined int32) []int32 {
	kept := tokens[:0]
	for i := 0; i < len(tokens); i++ {
		if i+1 < len(tokens) && (tokenPair{tokens[i], tokens[i+1]}) == p {
			kept = append(kept, joined)
			i++
			continue
		}
		kept = append(kept, tokens[i])
	}
	return kept
}

// queuedPair is a pair with the count it had when it was queued.
type queuedPair struct {
	tokenPair
	count int64
}

// pairQueue is a heap of pairs, the one to merge next on top.
type pairQueue struct {
	entries []queuedPair
	tokens  *[]string
}

func (q *pairQueue) Len() int { return len(q.entries) }

func (q *pairQueue) Less(i, j int) bool {
	a, b := q.entries[i], q.entries[j]
	tokens := *q.tokens
	return cmp.Or(cmp.Compare(b.count, a.count),
		strings.Compare(tokens[a.left], tokens[b.left]),
		strings.Compare(tokens[a.right], tokens[b.right])) < 0
}

func (q *pairQueue) Swap(i, j int) { q.entries[i], q.entries[j] = q.entries[j], q.entries[i] }

// Push is for container/heap.
func (q *pairQueue) Push(entry any) { q.entries = append(q.entries, entry.(queuedPair)) }

// Pop is for container/heap.
func (q *pairQueue) Pop() any {
	last := len(q.entries) - 1
	entry := q.entries[last]
	q.entries = q.entries[:last]
	return entry
}
