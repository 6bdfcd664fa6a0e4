package sockets

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxLine is the length of the longest line of a meeting, which has the addresses of all ranks.
const maxLine = 1 << 16

// put writes v as one line of JSON.
func put(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(b) >= maxLine {
		return fmt.Errorf("found %d bytes to send, expected fewer than %d: too many processes", len(b), maxLine)
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// get reads one line of JSON into v, and nothing after it.
func get(r io.Reader, v any) error {
	var b []byte
	var one [1]byte
	for {
		if _, err := io.ReadFull(r, one[:]); err != nil {
			return err
		}
		if one[0] == '\n' {
			return json.Unmarshal(b, v)
		}
		if b = append(b, one[0]); len(b) >= maxLine {
			return errors.New("found a line that does not end, expected JSON")
		}
	}
}
