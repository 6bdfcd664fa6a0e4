package settings

import "strings"

// Suggest returns " (did you mean KEY?)" for a key that is none, where one is near, and
// "" else.
func Suggest(key string) string {
	keys := make([]string, len(table))
	for i, s := range table {
		keys[i] = s.Key
	}
	if near := Nearest(key, keys); near != "" {
		return " (did you mean " + near + "?)"
	}
	return ""
}

// Nearest returns the name that a mistyped one most likely stands for: the one that
// takes the fewest letters to add, drop or change, if these are few for its length; the
// first of several; "" where none is near. Case, - and _ make no difference.
func Nearest(word string, names []string) string {
	fold := strings.NewReplacer("-", "", "_", "").Replace
	word = fold(strings.ToLower(word))
	best, least := "", len(word)/3+1 // letters that may differ, and one
	for _, name := range names {
		if d := distance(word, fold(strings.ToLower(name)), least); d < least {
			best, least = name, d
		}
	}
	return best
}

// distance is Levenshtein's between two words, or most where it is not less.
func distance(a, b string, most int) int {
	if d := len(a) - len(b); d >= most || -d >= most {
		return most
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return min(row[len(b)], most)
}
