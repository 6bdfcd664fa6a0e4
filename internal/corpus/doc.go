// Package corpus turns text into training examples: text -> sentences ->
// tokens -> shards -> examples.
package corpus
