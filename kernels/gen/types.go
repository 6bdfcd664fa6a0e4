package main

import (
	"fmt"
	"slices"
	"strings"
)

// goType is how a parameter of a kernel looks in Go.
type goType struct {
	name  string // of the Go type
	word  string // makes its argument words, with %[1]s for the value
	bytes int
}

// scalars are the types that a kernel may take by value.
var scalars = map[string]goType{
	"bool":      {"bool", "boolWord(%s)", 1},
	"int":       {"int32", "uint64(uint32(%s))", 4},
	"unsigned":  {"uint32", "uint64(%s)", 4},
	"long long": {"int64", "uint64(%s)", 8},
	"float":     {"float32", "uint64(math.Float32bits(%s))", 4},
	"double":    {"float64", "math.Float64bits(%s)", 8},

	"unsigned long long": {"uint64", "%s", 8},

	"CUtensorMap": {"TensorMap", mapWords(), 128},
}

// mapWords are the words of a tensor map.
func mapWords() string {
	var words []string
	for i := range 16 {
		words = append(words, fmt.Sprintf("%%[1]s[%d]", i))
	}
	return strings.Join(words, ", ")
}

// elements are what a pointer may point to, besides structs that the kernels'
// own files define, and the suffix of the Go pointer's name.
var elements = map[string]string{
	"bool": "Bool", "float": "F32", "double": "F64", "bf16": "BF16",
	"int": "I32", "unsigned": "U32", "long long": "I64", "unsigned long long": "U64",
	"signed char": "I8", "unsigned char": "U8", "short": "I16", "unsigned short": "U16",
	"float2": "Float2", "float4": "Float4", "int2": "Int2", "int4": "Int4",
	"uint2": "Uint2", "uint4": "Uint4", "CUtensorMap": "TensorMap",
}

// aliases are other spellings of the types above.
var aliases = map[string]string{
	"__nv_bfloat16": "bf16", "nv_bfloat16": "bf16",
	"int8_t": "signed char", "uint8_t": "unsigned char", "int16_t": "short", "uint16_t": "unsigned short",
	"int32_t": "int", "uint32_t": "unsigned", "int64_t": "long long", "uint64_t": "unsigned long long",
}

// ignored are words in a parameter that do not change how it is passed.
var ignored = []string{"const", "volatile", "__restrict__", "__restrict", "__grid_constant__"}

// canonical returns the one spelling that the tables above have of a C type
// without its pointers. The order of C's words is free, and int may be left out.
func canonical(words []string) string {
	if len(words) == 1 {
		if a, ok := aliases[words[0]]; ok {
			return a
		}
		return words[0]
	}
	sorted := slices.Sorted(slices.Values(words))
	for _, t := range []string{"unsigned", "long long", "unsigned long long", "signed char", "unsigned char", "short", "unsigned short"} {
		for _, spelled := range []string{t, t + " int"} {
			if slices.Equal(sorted, slices.Sorted(slices.Values(strings.Fields(spelled)))) {
				return t
			}
		}
	}
	return strings.Join(words, " ")
}

// lookup returns the Go type of a parameter of the type words with that many
// stars; structs are the names of those that the kernels define.
func lookup(words []string, stars int, structs map[string]bool) (goType, bool) {
	isStruct := len(words) == 2 && words[0] == "struct"
	if isStruct {
		words = words[1:]
	}
	c := canonical(words)
	if stars == 0 {
		t, ok := scalars[c]
		return t, ok && !isStruct
	}
	suffix, ok := elements[c]
	if structs[c] {
		name := strings.TrimSuffix(camel(c), "_")
		suffix, ok = strings.ToUpper(name[:1])+name[1:], true
	}
	return goType{"ptr" + suffix, "uint64(%s)", 8}, ok && stars == 1
}

// reserved are Go's words, which no field is named, and the methods of the structs
// of parameters.
var reserved = strings.Fields(`break case chan const continue default defer else fallthrough for func go goto if import
	interface map package range return select struct switch type var fits encode`)

// camel returns a C name in Go's style, unexported: dsd_b16 is dsdB16, T is t.
func camel(name string) string {
	if strings.ToUpper(name) == name {
		name = strings.ToLower(name)
	}
	var b strings.Builder
	for part := range strings.SplitSeq(name, "_") {
		switch {
		case part == "":
		case b.Len() == 0:
			b.WriteString(strings.ToLower(part[:1]) + part[1:])
		default:
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	if slices.Contains(reserved, b.String()) {
		b.WriteByte('_')
	}
	return b.String()
}
