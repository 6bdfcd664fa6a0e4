package metrics

import "iter"

// Numbers gives the keys of a record's numbers, apart from its step, and their values; those
// that it does not have are left out.
func Numbers(r Record) iter.Seq2[string, float64] {
	return func(yield func(string, float64) bool) {
		for _, c := range r.columns()[1:] {
			if v, ok := c.number(); ok && !yield(c.name, v) {
				return
			}
		}
	}
}

// NumberKeys are the keys that Numbers may give for a kind of records.
func NumberKeys(r Record) []string {
	var keys []string
	for _, c := range r.columns()[1:] {
		switch c.value.(type) {
		case *int64, *float64, **float64:
			keys = append(keys, c.name)
		}
	}
	return keys
}

// number is the value of a column that has one.
func (c column) number() (v float64, ok bool) {
	if c.missing() {
		return 0, false
	}
	switch p := c.value.(type) {
	case *int64:
		return float64(*p), true
	case *float64:
		return *p, true
	case **float64:
		if *p != nil {
			return **p, true
		}
	}
	return 0, false
}
