package ptxsim

import "strings"

// token is one lexical element of PTX text.
type token struct {
	text string
	line int
	kind tokenKind
}

type tokenKind uint8

const (
	tokEnd    tokenKind = iota
	tokWord             // identifier, register, directive or dotted mnemonic
	tokNumber           // literal, without its sign
	tokString           // text between quotes
	tokPunct            // one character
)

func isWordStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '$' || c == '%' || c == '.'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// lex cuts text into tokens. Comments vanish. A mnemonic with its modifiers,
// as in ld.global.L1::no_allocate.v4.f32, is one token.
func lex(file, text string) ([]token, error) {
	var out []token
	line := 1
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '\n':
			line++
			i++
		case c == ' ' || c == '\t' || c == '\r':
			i++
		case strings.HasPrefix(text[i:], "//"):
			n := strings.IndexByte(text[i:], '\n')
			if n < 0 {
				n = len(text) - i
			}
			i += n
		case strings.HasPrefix(text[i:], "/*"):
			n := strings.Index(text[i+2:], "*/")
			if n < 0 {
				return nil, loadError(file, line, "comment without end")
			}
			line += strings.Count(text[i:i+n+4], "\n")
			i += n + 4
		case c == '"':
			n := strings.IndexAny(text[i+1:], "\"\n")
			if n < 0 || text[i+1+n] == '\n' {
				return nil, loadError(file, line, "string without end")
			}
			out = append(out, token{text[i+1 : i+1+n], line, tokString})
			i += n + 2
		case isWordStart(c):
			j := i + 1
			for j < len(text) && (isWordStart(text[j]) || isDigit(text[j]) || strings.HasPrefix(text[j:], "::")) {
				if c == '.' && text[j] == '.' { // .reg.b16 are two
					break
				}
				if text[j] == ':' {
					j++
				}
				j++
			}
			out = append(out, token{text[i:j], line, tokWord})
			i = j
		case isDigit(c):
			j := i + 1
			for j < len(text) && (isDigit(text[j]) || text[j] >= 'a' && text[j] <= 'z' || text[j] >= 'A' && text[j] <= 'Z' || text[j] == '.') {
				j++
			}
			out = append(out, token{text[i:j], line, tokNumber})
			i = j
		case strings.IndexByte("{}[]()<>,;:@!|=+-*/&~^", c) >= 0:
			out = append(out, token{text[i : i+1], line, tokPunct})
			i++
		default:
			return nil, loadError(file, line, "unexpected character %q", c)
		}
	}
	return append(out, token{"end of file", line, tokEnd}), nil
}
