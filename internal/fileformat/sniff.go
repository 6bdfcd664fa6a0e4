package fileformat

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// SniffLen is how many first bytes Sniff can make use of.
const SniffLen = 1 << 10

// signatures are the formats' first bytes, in the order of looking.
var signatures = []struct {
	magic  string
	format Format
}{
	{"\x1f\x8b", Gzip},
	{"\x28\xb5\x2f\xfd", Zstandard},
	{"\xfd7zXZ\x00", XZ},
	{"SBGSHARD", Shard},
	{"7z\xbc\xaf\x27\x1c", sevenZip},
	{"Rar!\x1a\x07", rar},
	{"\x04\x22\x4d\x18", lz4},
	{"LZIP\x01", lzip},
	{"\x1f\x9d", compressZ},
	{"version https://git-lfs.github.com/", lfsPointer},
	{"version https://hawser.github.com/", lfsPointer}, // its first name
	{"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", torchPickle},
	{"ARROW1\x00\x00", arrow},
	{"FEA1\x00\x00\x00\x00", arrow},
	{"ORC\x03", orc},
	{"ORC\x08", orc},
	{"ORC\x0a", orc},
	{"Obj\x01", avro},
	{"\x89HDF\r\n\x1a\n", hdf5},
	{"\x93NUMPY", numpy},
	{"SQLite format 3\x00", sqlite},
	{"GGUF\x02\x00", gguf},
	{"GGUF\x03\x00", gguf},
	{"%PDF-", pdf},
	{`{\rtf`, rtf},
	{"\x89PNG\r\n\x1a\n", picture},
	{"\xff\xd8\xff", picture},
	{"GIF87a", picture},
	{"GIF89a", picture},
	{"\x7fELF", program},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", office},
}

// Sniff returns the format of a file that begins with head: as many of its first
// SniffLen bytes as there are.
func Sniff(head []byte) Format {
	for _, s := range signatures {
		if bytes.HasPrefix(head, []byte(s.magic)) {
			return s.format
		}
	}
	switch {
	case isBzip2(head):
		return Bzip2
	case isParquet(head):
		return Parquet
	case len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.HasPrefix(head[1:], []byte("\x2a\x4d\x18")):
		return Zstandard // a skippable frame, as pzstd begins with
	case len(head) >= 4 && head[0] == 'P' && head[1] == 'K' && strings.Contains("\x03\x04 \x05\x06 \x07\x08", string(head[2:4])):
		return zipOf(head)
	case isTar(head):
		return tarArchive
	case len(head) >= 3 && head[0] == 0x80 && 2 <= head[1] && head[1] <= 5:
		return pickle
	case bytes.HasPrefix(head, []byte("\xff\xff\xff\xff")) && len(head) >= 8 && binary.LittleEndian.Uint32(head[4:]) < 1<<28:
		return arrow // its stream, the cache of Hugging Face's datasets
	case isLZMA(head):
		return lzmaAlone
	case isSafetensors(head):
		return Safetensors
	}
	if f := wideText(head); f != Unknown {
		return f
	}
	return markup(head)
}

// isParquet looks for the magic, of an encrypted footer too, and behind it for a byte
// that no text has: "PARENT" is a word.
func isParquet(head []byte) bool {
	return (bytes.HasPrefix(head, []byte("PAR1")) || bytes.HasPrefix(head, []byte("PARE"))) &&
		(len(head) == 4 || head[4] < ' ' && head[4] != '\n' && head[4] != '\r' && head[4] != '\t')
}

// isBzip2 looks for a stream's head and the mark of a block or of an empty stream.
func isBzip2(head []byte) bool {
	return len(head) >= 10 && bytes.HasPrefix(head, []byte("BZh")) && '1' <= head[3] && head[3] <= '9' &&
		(string(head[4:10]) == "1AY&SY" || string(head[4:10]) == "\x17rE8P\x90")
}

// zipOf tells archives apart by the name of the first file in them.
func zipOf(head []byte) Format {
	if len(head) < 30 {
		return zipArchive
	}
	length := int(binary.LittleEndian.Uint16(head[26:]))
	name := string(head[30:min(30+length, len(head))])
	switch {
	case strings.HasSuffix(name, "data.pkl"), strings.HasSuffix(name, "/.format_version"), strings.HasSuffix(name, "/.storage_alignment"):
		return torchZip
	case strings.HasSuffix(name, ".npy"):
		return numpyZip
	case name == "[Content_Types].xml", name == "_rels/.rels", name == "mimetype":
		return office
	}
	return zipArchive
}

// isTar checks the sum over a header: old archives have no magic.
func isTar(head []byte) bool {
	const size, at, end = 512, 148, 156 // of a header, and of the field with its sum
	if len(head) < size || head[0] == 0 {
		return false
	}
	sum, stated, digits := 8*int(' '), 0, 0 // the field itself counts as spaces
	for i, b := range head[:size] {
		switch {
		case i < at || i >= end:
			sum += int(b)
		case '0' <= b && b <= '7':
			stated, digits = stated*8+int(b-'0'), digits+1
		case b != ' ' && b != 0:
			return false
		}
	}
	return digits > 0 && sum == stated
}

// isLZMA looks for the head that xz --format=lzma writes: properties, a dictionary
// that is a power of two, and an unknown or a possible size.
func isLZMA(head []byte) bool {
	if len(head) < 13 || head[0] != 0x5d {
		return false
	}
	dictionary, size := binary.LittleEndian.Uint32(head[1:]), binary.LittleEndian.Uint64(head[5:])
	return dictionary >= 1<<12 && dictionary&(dictionary-1) == 0 && (size == 1<<64-1 || size < 1<<40)
}

// isSafetensors looks for the length of a JSON object and its first byte.
func isSafetensors(head []byte) bool {
	return len(head) >= 10 && head[8] == '{' && (head[9] == '"' || head[9] == '}' || head[9] == ' ') &&
		binary.LittleEndian.Uint64(head) <= 100<<20
}

// wideText finds text in UTF-16 and UTF-32 by its byte order mark, or by zeros in
// the place of ASCII's upper half.
func wideText(head []byte) Format {
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(head, []byte("\x00\x00\xfe\xff")):
		return utf32
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return utf16
	case len(head) < 8:
		return Unknown
	}
	var zeros [2]int
	pairs := len(head) / 2
	for i, b := range head[:2*pairs] {
		if b == 0 {
			zeros[i%2]++
		} else if i%2 == 0 && head[i+1] == 0 && b < ' ' && b != '\n' && b != '\r' && b != '\t' {
			return Unknown // small numbers, not letters
		}
	}
	if zeros[0] == 0 && zeros[1]*10 > 8*pairs || zeros[1] == 0 && zeros[0]*10 > 8*pairs {
		return utf16
	}
	return Unknown
}

// markup finds pages and dumps by their first tag.
func markup(head []byte) Format {
	head = bytes.ToLower(bytes.TrimLeft(bytes.TrimPrefix(head, []byte(bom)), " \t\r\n"))
	for _, tag := range []string{"<!doctype html", "<html>", "<html ", "<head>", "<body>"} {
		if bytes.HasPrefix(head, []byte(tag)) {
			return html
		}
	}
	switch {
	case bytes.HasPrefix(head, []byte("<mediawiki")), bytes.HasPrefix(head, []byte("<?xml")) && bytes.Contains(head, []byte("<mediawiki")):
		return wikiDump
	case bytes.HasPrefix(head, []byte("<?xml")) && bytes.Contains(head, []byte("<html")):
		return html
	case bytes.HasPrefix(head, []byte("<?xml")):
		return xml
	}
	return Unknown
}
