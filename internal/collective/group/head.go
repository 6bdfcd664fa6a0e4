package group

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/collective"
)

// For each operation a rank sends a head to every other one, also where it has nothing else to
// send. It says which operation this is and with which lengths, so that ranks that disagree are
// told so, and a few bytes travel in it. A rank that leaves or has failed sends one more.

// Sizes of messages in bytes.
const (
	headSize = 4096                // of the longest head
	fixed    = 128                 // of its fixed part
	inline   = headSize - fixed    // of what may travel in it
	maxNote  = fixed - 64          // of a note
	magic    = uint32(0x7362_0002) // the first word of a head; its last digits are the format's version
)

// kind is what a head is about.
type kind uint8

// The kinds of heads.
const (
	allToAll kind = iota
	allGather
	broadcast
	barrier
	allToAllOnDevice
	allGatherOnDevice
	left   // no operation: the sender has left the group
	failed // no operation: an operation of the sender has failed; the text says why
	lost   // no operation: the connection to the sender has ended without a word
)

// operations are the kinds that are operations, by name.
var operations = [...]string{
	allToAll: collective.OpAllToAll, allGather: collective.OpAllGather, broadcast: collective.OpBroadcast, barrier: collective.OpBarrier,
	allToAllOnDevice: collective.OpAllToAllOnDevice, allGatherOnDevice: collective.OpAllGatherOnDevice,
}

// onDevice says whether an operation moves memory of devices.
func (k kind) onDevice() bool { return k == allToAllOnDevice || k == allGatherOnDevice }

// reasons are the kinds of errors that a rank tells others of.
var reasons = [...]error{nil, collective.ErrTimeout, collective.ErrClosed, collective.ErrArguments}

// head is a head. The group's ranks have the same byte order.
type head struct {
	kind   kind
	reason uint8  // of a failure: index in reasons
	root   uint32 // of a broadcast
	seq    uint64 // number of the operation, from 1
	whole  uint64 // length of the broadcast buffer
	length uint64 // bytes that follow, in this head or after it
	device Device // what the sender's carrier moves messages with
	note   string // what the sender was doing
	body   []byte // what travels in the head
}

// put writes h to b, which has headSize bytes, and returns what is to be sent of it.
func (h *head) put(b []byte) []byte {
	h.note = h.note[:min(len(h.note), maxNote)]
	e := binary.NativeEndian
	e.PutUint32(b, magic)
	b[4], b[5], b[6], b[7] = byte(h.kind), h.reason, byte(len(h.note)), 0
	e.PutUint32(b[8:], h.root)
	e.PutUint32(b[12:], uint32(len(h.body)))
	e.PutUint64(b[16:], h.seq)
	e.PutUint64(b[24:], h.whole)
	e.PutUint64(b[32:], h.length)
	copy(b[48:64], h.device[:])
	copy(b[64:fixed], h.note)
	copy(b[fixed:], h.body)
	return b[:fixed+len(h.body)]
}

// parse reads a head from b, which has headSize bytes. The body is copied out of it.
func parse(b []byte) (head, error) {
	e := binary.NativeEndian
	if found := e.Uint32(b); found != magic {
		return head{}, fmt.Errorf("found a message that begins with %#x, expected %#x: all processes must be of one version and byte order", found, magic)
	}
	h := head{
		kind: kind(b[4]), reason: b[5], root: e.Uint32(b[8:]),
		seq: e.Uint64(b[16:]), whole: e.Uint64(b[24:]), length: e.Uint64(b[32:]),
	}
	note, body := int(b[6]), e.Uint32(b[12:])
	if h.kind > lost || int(h.reason) >= len(reasons) || note > maxNote || body > inline {
		return head{}, fmt.Errorf("found a damaged message: kind %d, reason %d, %d and %d bytes of text", h.kind, h.reason, note, body)
	}
	h.device = Device(b[48:64])
	h.note = string(b[64 : 64+note])
	h.body = append([]byte(nil), b[fixed:fixed+body]...)
	return h, nil
}

// IsFarewell says whether a message of the tag [HeadTag] is the last that its sender has to say.
func IsFarewell(b []byte) bool { return len(b) >= fixed && kind(b[4]) >= left }

// Lost is the message of the tag [HeadTag] that a port delivers in the place of a rank whose connection
// has ended without a farewell.
func Lost() []byte {
	h := head{kind: lost}
	return h.put(make([]byte, headSize))
}

// last words what the sender of h did.
func (h *head) last() string {
	text := operations[h.kind]
	if h.note != "" {
		text += " of " + h.note
	}
	return text
}

// reasonOf is the index of err's kind in reasons.
func reasonOf(err error) uint8 {
	for i, r := range reasons {
		if r != nil && errors.Is(err, r) {
			return uint8(i)
		}
	}
	return 0
}

// told is an error that another rank told of: its text is that rank's.
type told struct {
	text string
	kind error // nil: none of reasons
}

func (t told) Error() string { return t.text }
func (t told) Unwrap() error { return t.kind }

// OneLine is text of another rank, made fit for one line.
func OneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
}
