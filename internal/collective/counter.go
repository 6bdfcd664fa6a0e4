package collective

import (
	"fmt"
	"sync/atomic"
)

// Counter counts the bytes that this rank hands to others: what each of them gets counts,
// whatever the library does to bring it there, and nothing that a rank keeps for itself.
// It is a DeviceCommunicator, which moves memory of devices where its Communicator does.
type Counter struct {
	Communicator
	sent atomic.Int64
}

var _ DeviceCommunicator = (*Counter)(nil)

// Sent is the number of bytes so far.
func (c *Counter) Sent() int64 { return c.sent.Load() }

// AllToAll implements Communicator.
func (c *Counter) AllToAll(send, recv [][]byte) error {
	n := 0
	for i, s := range send {
		if i != c.Rank() {
			n += len(s)
		}
	}
	c.sent.Add(int64(n))
	return c.Communicator.AllToAll(send, recv)
}

// AllGather implements Communicator.
func (c *Counter) AllGather(send []byte, recv [][]byte) error {
	c.sent.Add(int64(len(send) * (c.Size() - 1)))
	return c.Communicator.AllGather(send, recv)
}

// Broadcast implements Communicator.
func (c *Counter) Broadcast(root int, buf []byte) error {
	if root == c.Rank() {
		c.sent.Add(int64(len(buf) * (c.Size() - 1)))
	}
	return c.Communicator.Broadcast(root, buf)
}

// MovesDevice implements DeviceCommunicator.
func (c *Counter) MovesDevice(device [16]byte) bool {
	d, ok := c.Communicator.(DeviceCommunicator)
	return ok && d.MovesDevice(device)
}

// AllMoveDevices implements DeviceCommunicator.
func (c *Counter) AllMoveDevices() bool {
	d, ok := c.Communicator.(DeviceCommunicator)
	return ok && d.AllMoveDevices()
}

// AllToAllOnDevice implements DeviceCommunicator.
func (c *Counter) AllToAllOnDevice(send, recv []DeviceSlice) error {
	d, err := c.onDevice(OpAllToAllOnDevice)
	if err != nil {
		return err
	}
	n := 0
	for i, s := range send {
		if i != c.Rank() {
			n += s.Bytes
		}
	}
	c.sent.Add(int64(n))
	return d.AllToAllOnDevice(send, recv)
}

// AllGatherOnDevice implements DeviceCommunicator.
func (c *Counter) AllGatherOnDevice(send DeviceSlice, recv []DeviceSlice) error {
	d, err := c.onDevice(OpAllGatherOnDevice)
	if err != nil {
		return err
	}
	c.sent.Add(int64(send.Bytes * (c.Size() - 1)))
	return d.AllGatherOnDevice(send, recv)
}

// onDevice is the communicator behind c, where it moves memory of devices.
func (c *Counter) onDevice(op string) (DeviceCommunicator, error) {
	d, ok := c.Communicator.(DeviceCommunicator)
	if !ok {
		return nil, &Error{c.Rank(), op, fmt.Errorf("%w: found a communicator that moves no memory of devices, expected one that does", ErrArguments)}
	}
	return d, nil
}
