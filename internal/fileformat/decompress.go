package fileformat

import (
	"bufio"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// MaxWindow is the most memory, in bytes, that the window of Zstandard or the
// dictionary of xz may take: 512 MiB, as --long=29 has. A larger one is refused.
const MaxWindow = 512 << 20

// decompressors open the formats that are read through.
var decompressors = map[Format]func(*bufio.Reader) (io.Reader, func() error, error){
	Gzip:      openGzip,
	Zstandard: openZstandard,
	Bzip2:     func(r *bufio.Reader) (io.Reader, func() error, error) { return bzip2.NewReader(r), none, nil },
	XZ:        openXZ,
}

func none() error { return nil }

// errWindow marks compressed data that would take too much memory.
var errWindow = fmt.Errorf("a window of more than the limit of %d MiB", MaxWindow>>20)

func openZstandard(r *bufio.Reader) (io.Reader, func() error, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(MaxWindow))
	if err != nil {
		return nil, nil, err
	}
	return z, func() error { z.Close(); return nil }, nil
}

// openXZ checks the first block's dictionary: the library would take any. Its
// memory is touched only as far as there is data, so later blocks need no check.
func openXZ(r *bufio.Reader) (io.Reader, func() error, error) {
	if head, err := r.Peek(32); err == nil {
		if dictionary, ok := xzDictionary(head); ok && dictionary > MaxWindow {
			return nil, nil, errWindow
		}
	}
	z, err := xz.NewReader(r)
	return z, none, err
}

// xzDictionary reads the size of the dictionary, in bytes, from a stream whose first
// block has the filter LZMA2 alone: 12 bytes of stream header, then the block's
// size, flags, perhaps two sizes of variable length, and the filter's id 0x21, the
// length 1 of its properties and the dictionary's code.
func xzDictionary(head []byte) (int64, bool) {
	at := 12
	flags := head[at+1]
	at += 2
	for bit := byte(0x40); bit != 0; bit <<= 1 {
		for more := flags&bit != 0; more; at++ {
			if at >= len(head) {
				return 0, false
			}
			more = head[at]&0x80 != 0
		}
	}
	if flags&3 != 0 || at+3 > len(head) || head[at] != 0x21 || head[at+1] != 1 {
		return 0, false
	}
	code := head[at+2] & 0x3f
	return int64(2|code&1) << (code/2 + 11), true
}

// gzipMembers reads the members of a gzip file one behind the other, and zeros
// between and behind them as gzip itself does: tapes and block devices pad so.
type gzipMembers struct {
	raw  *bufio.Reader
	z    *gzip.Reader
	done bool // the member has been read
}

func openGzip(r *bufio.Reader) (io.Reader, func() error, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, nil, err
	}
	z.Multistream(false)
	return &gzipMembers{raw: r, z: z}, z.Close, nil
}

func (g *gzipMembers) Read(p []byte) (int, error) {
	for {
		if g.done {
			if err := g.next(); err != nil {
				return 0, err
			}
		}
		n, err := g.z.Read(p)
		if err == io.EOF {
			g.done = true
			err = nil
		}
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
	}
}

// errBehind is what follows a compressed stream and is none.
var errBehind = errors.New("other data behind its end")

// next opens the next member, or returns io.EOF.
func (g *gzipMembers) next() error {
	for {
		b, err := g.raw.ReadByte()
		if err != nil {
			return err
		}
		if b != 0 {
			break
		}
	}
	if err := g.raw.UnreadByte(); err != nil {
		return err
	}
	if head, err := g.raw.Peek(2); err == nil && string(head) != "\x1f\x8b" {
		return errBehind
	}
	if err := g.z.Reset(g.raw); err != nil {
		return err
	}
	g.z.Multistream(false)
	g.done = false
	return nil
}

// unpacked turns the errors of a decompressor into ours.
type unpacked struct {
	io.Reader
	name   string
	format Format
	want   string
}

func (u *unpacked) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	if err != nil && err != io.EOF {
		if _, ok := errors.AsType[*fs.PathError](err); ok {
			return n, Unreadable(u.name, err, u.want)
		}
		err = corrupt(u.name, u.format, err)
	}
	return n, err
}

// corrupt is the error of compressed data that does not unpack.
func corrupt(name string, format Format, err error) error {
	e := &Error{Path: name, Found: fmt.Sprintf("corrupt %s (%v)", format, err), Expected: "a whole " + strings.TrimSuffix(format.String(), " data") + " stream", Err: err}
	switch {
	case errors.Is(err, errWindow), errors.Is(err, zstd.ErrWindowSizeExceeded):
		e.Found = fmt.Sprintf("%s with %v", format, errWindow)
		e.Expected = "a smaller one: decompress it first (zstd -d --long=31, xz -d), or compress it again"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		e.Found = fmt.Sprintf("truncated %s", format)
		if format == XZ { // whose reader takes a few bytes behind the end for the head of a cut stream
			e.Found += ", or other data behind its end"
		}
	}
	return e
}
