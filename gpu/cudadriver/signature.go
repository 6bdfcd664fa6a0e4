package cudadriver

import (
	"fmt"
	"strconv"
	"strings"
)

// signatures returns the sizes in bytes of the parameters of every .entry in PTX
// text, by name. libcuda tells them only from version 12.4 on, and a launch with
// too few arguments would read wild memory. This file has no build tag, so that
// its tests need no GPU.
func signatures(ptx string) (map[string][]int, error) {
	sizes := map[string][]int{}
	text := stripComments(ptx)
	for {
		_, rest, found := strings.Cut(text, ".entry")
		if !found {
			return sizes, nil
		}
		end := strings.IndexAny(rest, "({;")
		if end < 0 {
			return nil, fmt.Errorf("found no end of .entry %.40q", rest)
		}
		name := strings.TrimSpace(rest[:end])
		if len(strings.Fields(name)) != 1 {
			return nil, fmt.Errorf("found %q, expected the name of an .entry", name)
		}
		text = rest[end:]
		var list []int
		if text[0] == '(' {
			params, after, found := strings.Cut(text[1:], ")")
			if !found {
				return nil, fmt.Errorf("found no end of the parameters of %s", name)
			}
			text = after
			if strings.TrimSpace(params) != "" {
				for p := range strings.SplitSeq(params, ",") {
					n, err := paramSize(p)
					if err != nil {
						return nil, fmt.Errorf("parameter %d of %s: %w", len(list), name, err)
					}
					list = append(list, n)
				}
			}
		}
		sizes[name] = list
	}
}

// paramSize returns the bytes of ".param .align 8 .b8 name[24]" or ".param .u64 .ptr .global .align 16 name".
func paramSize(text string) (int, error) {
	words := strings.Fields(text)
	if len(words) < 3 || words[0] != ".param" {
		return 0, fmt.Errorf("found %q, expected .param, a type and a name", text)
	}
	words = words[1:]
	if words[0] == ".align" && len(words) > 3 {
		words = words[2:]
	}
	size, err := strconv.Atoi(strings.TrimLeft(words[0], ".bsuf"))
	if err != nil || size < 8 || size > 128 || size%8 != 0 {
		return 0, fmt.Errorf("found %q, expected a type", words[0])
	}
	size /= 8
	for dims := strings.Join(words[1:], ""); ; {
		_, after, found := strings.Cut(dims, "[")
		if !found {
			return size, nil
		}
		number, rest, _ := strings.Cut(after, "]")
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || n > 1<<16 {
			return 0, fmt.Errorf("found length %q, expected a number", number)
		}
		size *= n
		dims = rest
	}
}

// stripComments replaces comments by a space.
func stripComments(ptx string) string {
	var out strings.Builder
	for {
		i := strings.Index(ptx, "/")
		if i < 0 || i+1 == len(ptx) {
			out.WriteString(ptx)
			return out.String()
		}
		end := ""
		switch ptx[i+1] {
		case '/':
			end = "\n"
		case '*':
			end = "*/"
		default:
			out.WriteString(ptx[:i+1])
			ptx = ptx[i+1:]
			continue
		}
		out.WriteString(ptx[:i] + " ")
		_, after, found := strings.Cut(ptx[i+2:], end)
		if !found {
			return out.String()
		}
		ptx = after
	}
}
