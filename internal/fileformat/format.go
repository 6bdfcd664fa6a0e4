// Package fileformat says what a file is by its first bytes, whatever its name,
// and reads it through its compression. It is what every reader of a user's file
// begins with: text, vocabularies, weights, settings.
//
//	f, err := fileformat.Open("vocab.txt.xz", "a vocabulary file")
//	defer f.Close()
//	... read f, which is plain and has no byte order mark
//
// Read through are gzip, Zstandard, bzip2 and xz. A format that the reader did not
// ask for is refused by its name, with what to do: archives, Git LFS pointers, HTML
// pages, pickles, tables, weights, text in UTF-16. What has no known first bytes is
// Unknown: plain text, or what the reader itself must judge.
package fileformat

// Format is what the first bytes of a file say that it is.
type Format uint8

// The formats that a reader may ask for. All others exist to be refused.
const (
	Unknown     Format = iota // no known first bytes: text, as a rule
	Gzip                      // read through
	Zstandard                 // read through
	Bzip2                     // read through
	XZ                        // read through
	Parquet                   // a table
	Safetensors               // weights
	Shard                     // token shards, what prepare writes

	zipArchive
	torchZip
	numpyZip
	office
	tarArchive
	sevenZip
	rar
	lz4
	lzip
	lzmaAlone
	compressZ
	lfsPointer
	html
	wikiDump
	xml
	pickle
	torchPickle
	utf16
	utf32
	arrow
	orc
	avro
	hdf5
	numpy
	sqlite
	gguf
	pdf
	rtf
	picture
	program
	formats // their number
)

// names has for each format its name in a sentence, and what to do where it is not
// what was asked for ("": there is nothing to say).
var names = [formats]struct{ name, remedy string }{
	Unknown:     {"something else", ""},
	Gzip:        {"gzip data", "decompress it once more (gzip -d)"},
	Zstandard:   {"Zstandard data", "decompress it once more (zstd -d)"},
	Bzip2:       {"bzip2 data", "decompress it once more (bzip2 -d)"},
	XZ:          {"xz data", "decompress it once more (xz -d)"},
	Parquet:     {"a Parquet file", "it is read as a corpus only, and not inside another compression"},
	Safetensors: {"safetensors weights", "they are what --init-from and import read"},
	Shard:       {"a token shard", "name the folder that prepare wrote, not a file in it"},
	zipArchive:  {"a zip archive", "unpack it (unzip) and name what was in it"},
	torchZip:    {"PyTorch weights (a zip archive with pickles, which run code when they are loaded)", "convert them to safetensors"},
	numpyZip:    {"NumPy arrays (an npz archive)", "convert them"},
	office:      {"an office document or e-book (a zip archive)", "save it as plain text"},
	tarArchive:  {"a tar archive", "unpack it (tar -xf) and name what was in it"},
	sevenZip:    {"a 7z archive", "unpack it (7z x) and name what was in it"},
	rar:         {"a RAR archive", "unpack it (unrar x) and name what was in it"},
	lz4:         {"LZ4 data", "decompress it (lz4 -d)"},
	lzip:        {"lzip data", "decompress it (lzip -d)"},
	lzmaAlone:   {"LZMA data", "decompress it (xz -d --format=lzma)"},
	compressZ:   {"data of compress (.Z)", "decompress it (gzip -d)"},
	lfsPointer:  {"a Git LFS pointer, which stands for a file that was not downloaded", "fetch the file (git lfs pull)"},
	html:        {"an HTML page", "if it came from a download, the server answered with a page in the file's place: download it again; else extract its text"},
	wikiDump:    {"a MediaWiki XML dump", "extract its text (python3 -m wikiextractor.WikiExtractor) and name that"},
	xml:         {"an XML file", "extract its text"},
	pickle:      {"a Python pickle, which runs code when it is loaded", "save its content in another format"},
	torchPickle: {"PyTorch weights (a pickle, which runs code when it is loaded)", "convert them to safetensors"},
	utf16:       {"text in UTF-16", "convert it (iconv -f UTF-16 -t UTF-8)"},
	utf32:       {"text in UTF-32", "convert it (iconv -f UTF-32 -t UTF-8)"},
	arrow:       {"an Arrow file", `convert it to Parquet (datasets.Dataset.from_file("FILE").to_parquet("FILE.parquet"))`},
	orc:         {"an ORC file", "convert it to Parquet"},
	avro:        {"an Avro file", "convert it to Parquet"},
	hdf5:        {"an HDF5 file", "convert it"},
	numpy:       {"a NumPy array", "convert it"},
	sqlite:      {"an SQLite database", "export its text"},
	gguf:        {"GGUF weights", "they cannot be read"},
	pdf:         {"a PDF document", "extract its text (pdftotext)"},
	rtf:         {"an RTF document", "save it as plain text"},
	picture:     {"a picture", ""},
	program:     {"a program", ""},
}

// String returns the format's name as a sentence has it: "a zip archive".
func (f Format) String() string {
	if f >= formats {
		return names[Unknown].name
	}
	return names[f].name
}

// Remedy returns what a user does about a file of this format where another was
// expected, "" where nothing helps.
func (f Format) Remedy() string {
	if f >= formats {
		return ""
	}
	return names[f].remedy
}
