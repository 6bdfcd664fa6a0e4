package train

import (
	"unicode/utf8"

	"github.com/sparsebert/sparsebert-gpu/internal/settings"
)

// rawTexts are the texts of a configuration that JSON does not have, since they are not
// UTF-8: paths may be any bytes. They go beside the configuration, by key.
func rawTexts(c *Config) map[string][][]byte {
	out := map[string][][]byte{}
	for _, s := range settings.All() {
		var texts []string
		switch v := s.Value(c).(type) {
		case string:
			texts = []string{v}
		case []string:
			texts = v
		}
		whole := true
		raw := make([][]byte, len(texts))
		for i, text := range texts {
			whole = whole && utf8.ValidString(text)
			raw[i] = []byte(text)
		}
		if !whole {
			out[s.Key] = raw
		}
	}
	return out
}

// putRawTexts puts them back.
func putRawTexts(c *Config, raw map[string][][]byte) {
	for key, texts := range raw {
		s, ok := settings.Find(key)
		if !ok {
			continue
		}
		switch to := s.Pointer(c).(type) {
		case *string:
			if len(texts) == 1 {
				*to = string(texts[0])
			}
		case *[]string:
			*to = nil
			for _, text := range texts {
				*to = append(*to, string(text))
			}
		}
	}
}
