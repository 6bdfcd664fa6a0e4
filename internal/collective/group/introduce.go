package group

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"os"
	"strings"
)

// Introduce tells all ranks who each other is, for messages, and which cores each has.
func (c *Comm) Introduce() error {
	const long = 96 // bytes of each of two texts
	host, err := os.Hostname()
	if err != nil {
		host = "a host without a name"
	}
	own := make([]byte, 2*long)
	copy(own[:long], fmt.Sprintf("%.60s, process %d", host, os.Getpid()))
	here := fmt.Sprintf("%.60s", host)
	copy(own[long:], fmt.Sprintf("%s, cores %x", here, fnvOf(cores())))
	recv := make([][]byte, c.Size())
	for i := range recv {
		recv[i] = make([]byte, len(own))
	}
	if err := c.AllGather(own, recv); err != nil {
		return err
	}
	for i, b := range recv {
		if bytes.Equal(b[long:], own[long:]) {
			c.sharing++
		}
		if there, _, _ := strings.Cut(string(b[long:]), ", cores "); there == here {
			c.beside++
			if i < c.Rank() {
				c.local++
			}
		}
	}
	return c.Run(Grace, func() error {
		for i, b := range recv {
			c.g.names[i] = OneLine(string(bytes.TrimRight(b[:long], "\x00")))
		}
		return nil
	})
}

// fnvOf is a hash of text.
func fnvOf(text string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(text))
	return h.Sum64()
}
