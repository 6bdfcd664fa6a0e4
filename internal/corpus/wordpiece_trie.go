package corpus

import (
	"math/bits"
	"strings"
)

// The two roots of a trie: of tokens that start a word, and of "##" tokens,
// which stand there without their prefix.
const (
	trieWords         = 0
	trieContinuations = 1
)

// trie finds the longest token at the start of a word, byte by byte. As tokens
// and words are valid UTF-8, a match ends between characters. The edges of all
// nodes are in one open-addressing hash table, at most half full.
type trie struct {
	edges []trieEdge
	shift uint    // a hash's upper bits are the slot
	ids   []int32 // per node, the token that ends there, or -1
}

// trieEdge leads from a node by a byte to a node; no edge leads to a root, so
// a zero to marks a free slot.
type trieEdge struct {
	key uint64 // node<<8 | byte
	to  int32
}

// newTrie returns the trie of tokens, whose ids are their positions.
func newTrie(tokens []string) *trie {
	nodes := map[uint64]int32{} // the edges, by key
	t := &trie{ids: []int32{-1, -1}}
	for id, token := range tokens {
		node := int32(trieWords)
		if rest, ok := strings.CutPrefix(token, continuationPrefix); ok {
			if rest == "" {
				continue // it has no character to match
			}
			node, token = trieContinuations, rest
		}
		for i := range len(token) {
			key := edgeKey(node, token[i])
			to, ok := nodes[key]
			if !ok {
				to = int32(len(t.ids))
				nodes[key] = to
				t.ids = append(t.ids, -1)
			}
			node = to
		}
		t.ids[node] = int32(id)
	}
	size := bits.Len(uint(2 * len(nodes)))
	t.edges = make([]trieEdge, 1<<size)
	t.shift = uint(64 - size)
	for key, to := range nodes {
		slot := t.slot(key)
		for t.edges[slot].to != 0 {
			slot = (slot + 1) & (len(t.edges) - 1)
		}
		t.edges[slot] = trieEdge{key, to}
	}
	return t
}

func edgeKey(node int32, b byte) uint64 { return uint64(node)<<8 | uint64(b) }

// slot is Fibonacci hashing: 2^64 over the golden ratio.
func (t *trie) slot(key uint64) int { return int(key * 0x9E3779B97F4A7C15 >> t.shift) }

// longest returns the longest token from root that word starts with, and its
// length in bytes, which is 0 if there is none.
func (t *trie) longest(root int32, word []byte) (id int32, length int) {
	node := root
	for i, b := range word {
		key := edgeKey(node, b)
		slot := t.slot(key)
		for t.edges[slot].key != key {
			if t.edges[slot].to == 0 {
				return id, length
			}
			slot = (slot + 1) & (len(t.edges) - 1)
		}
		if node = t.edges[slot].to; node == 0 {
			return id, length
		}
		if t.ids[node] >= 0 {
			id, length = t.ids[node], i+1
		}
	}
	return id, length
}
