package sockets

import (
	"fmt"
	"net"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/collective/group"
)

// Join makes a rank of a group of connections to each other one, by rank.
func Join(rank int, conns []net.Conn, timeout time.Duration) (*group.Comm, error) {
	c := group.New("a socket", timeout)
	err := c.Start(NewPort(rank, conns), rank, len(conns))
	if err == nil {
		err = c.Introduce()
	}
	if err != nil {
		return nil, fmt.Errorf("join the other processes: %w", err)
	}
	return c, nil
}
