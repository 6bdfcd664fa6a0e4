package group

import (
	"fmt"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/collective"
)

// Carrier moves long messages by another way than the port: by NCCL between GPUs. Heads and short
// messages keep to the port, so that a carrier is only asked for what both sides have agreed on. All
// methods are called on the thread of [Comm.Run].
type Carrier interface {
	// Start begins to join the carriers of all ranks. It is called once, in the same operation by all;
	// devices has theirs, by rank.
	Start(devices []Device) error
	// Begin begins to move send[i] to each rank i, and what rank i has for this one to recv[i]. Empty
	// ones are none; all others are of the host, or all of the device. It may be called before Start is
	// through.
	Begin(send, recv []Message) error
	// Done says whether what was begun is through. It does not wait.
	Done() (bool, error)
	// Abort ends all that is under way. No other call follows.
	Abort()
	// Close ends a carrier by which nothing is under way. It may wait until all ranks of the machine have
	// called it. No other call follows.
	Close()
}

// Message is what a rank has for another one, or the place for it: memory of the host or of the device.
type Message struct {
	Host   []byte
	Device collective.DeviceSlice // of 0 bytes: none
}

// Len is the number of bytes.
func (m Message) Len() int { return len(m.Host) + m.Device.Bytes }

// onHost are messages in memory of the host.
func onHost(list [][]byte) []Message {
	out := make([]Message, len(list))
	for i, b := range list {
		out[i].Host = b
	}
	return out
}

// onDevice are messages in memory of the device.
func onDevice(list []collective.DeviceSlice) []Message {
	out := make([]Message, len(list))
	for i, s := range list {
		out[i].Device = s
	}
	return out
}

// Device is the UUID of what a carrier moves messages with; zero is none.
type Device [16]byte

// String writes it as nvidia-smi does.
func (d Device) String() string {
	return fmt.Sprintf("GPU-%x-%x-%x-%x-%x", d[:4], d[4:6], d[6:8], d[8:10], d[10:])
}

// Carry has the long messages moved by a carrier from the first operation on that all ranks come to with
// one. device is its own; no two ranks may have the same.
func (c *Comm) Carry(by Carrier, device Device) error {
	return c.Run(Grace, func() error {
		if c.g.broken != nil {
			return c.g.broken
		}
		c.g.carrier, c.g.device = by, device
		return nil
	})
}

// MovesDevice implements [collective.DeviceCommunicator]: a carrier of this device moves its memory.
func (c *Comm) MovesDevice(device [16]byte) bool {
	moves := false
	err := c.Run(Grace, func() error {
		moves = c.g.carrier != nil && c.g.device == device
		return nil
	})
	return err == nil && moves
}

// AllMoveDevices implements [collective.DeviceCommunicator].
func (c *Comm) AllMoveDevices() bool {
	all := false
	err := c.Run(Grace, func() error {
		all = c.g.everywhere
		return nil
	})
	return err == nil && all
}

// AllToAllOnDevice implements [collective.DeviceCommunicator].
func (c *Comm) AllToAllOnDevice(send, recv []collective.DeviceSlice) error {
	return c.onDevice(allToAllOnDevice, send, recv)
}

// AllGatherOnDevice implements [collective.DeviceCommunicator].
func (c *Comm) AllGatherOnDevice(send collective.DeviceSlice, recv []collective.DeviceSlice) error {
	all := make([]collective.DeviceSlice, c.g.size)
	for i := range all {
		all[i] = send
	}
	return c.onDevice(allGatherOnDevice, all, recv)
}

// onDevice is an operation on memory of devices.
func (c *Comm) onDevice(k kind, send, recv []collective.DeviceSlice) error {
	return c.do(k, func() error {
		err := collective.CheckDeviceCall(c.g.rank, c.g.size, send, recv)
		if err == nil && c.g.broken == nil && c.g.carrier == nil {
			err = fmt.Errorf("%w: found none that moves memory of devices, expected NCCL", collective.ErrArguments)
		}
		if err != nil {
			return c.misuse(k, err)
		}
		return c.g.exchange(head{kind: k}, onDevice(send), onDevice(recv))
	})
}

// carriage is what a group knows of its carrier.
type carriage struct {
	carrier Carrier // nil: none
	device  Device
	started bool
	// everywhere: in the latest operation all ranks had carriers.
	everywhere bool
	// Of the present operation:
	held     bool // long messages wait until all heads have come
	carrying bool // the carrier has them
}

// board returns what this rank says of its carrier at the beginning of an operation.
func (g *group) board() Device {
	g.held, g.carrying = g.carrier != nil, false
	if g.carrier == nil {
		return Device{}
	}
	return g.device
}

// carry gives long messages to the carrier as soon as all heads have come, or to the port where not all
// ranks have one. Afterwards it looks whether they are through.
func (g *group) carry(h head) error {
	switch {
	case g.held:
		devices := make([]Device, g.size)
		devices[g.rank] = g.device
		all := true
		for i := range g.peers {
			q := &g.peers[i]
			if i == g.rank {
				continue
			}
			if q.expected == nil {
				return nil
			}
			devices[i] = q.expected.device
			if devices[i] == (Device{}) {
				all = false
				if h.kind.onDevice() {
					return fmt.Errorf("%w: %s has nothing that moves memory of devices, expected NCCL", collective.ErrArguments, g.name(i))
				}
			}
		}
		g.held = false
		if all {
			return g.load(devices)
		}
		for i := range g.peers {
			if i == g.rank {
				continue
			}
			if err := g.sendPieces(i); err != nil {
				return err
			}
			if err := g.receivePieces(i); err != nil {
				return err
			}
		}
	case g.carrying:
		done, err := g.carrier.Done()
		if err != nil || !done {
			return err
		}
		g.carrying = false
		for i := range g.peers {
			q := &g.peers[i]
			q.sent, q.posted, q.arrived = q.send.Len(), q.recv.Len(), q.recv.Len()
		}
	}
	return nil
}

// look notes, after an operation, whether all ranks had carriers.
func (g *group) look(own Device) {
	g.everywhere = own != Device{}
	for i := range g.peers {
		if i != g.rank {
			g.everywhere = g.everywhere && g.peers[i].expected.device != Device{}
		}
	}
}

// hear returns what another rank says of itself, where it does so within a moment after the carrier has
// failed: that often is why. Else it returns err.
func (g *group) hear(h head, err error) error {
	for begin := time.Now(); time.Since(begin) < noticeTime/10; sleep(time.Millisecond) {
		if _, failed := g.step(h); failed != nil {
			return err
		}
		for i := range g.peers {
			if gone := g.peers[i].gone; gone != nil {
				return gone
			}
		}
	}
	return err
}

// load gives the long messages to the carrier.
func (g *group) load(devices []Device) error {
	if !g.started {
		if err := g.distinct(devices); err != nil {
			return err
		}
		if err := g.carrier.Start(devices); err != nil {
			return err
		}
		g.started, g.carrying = true, true
	}
	send, recv := make([]Message, g.size), make([]Message, g.size)
	for i := range g.peers {
		q := &g.peers[i]
		if i == g.rank {
			continue
		}
		if q.sent < q.send.Len() {
			send[i], g.carrying = q.send, true
		}
		if q.arrived < q.recv.Len() {
			recv[i], g.carrying = q.recv, true
		}
	}
	if !g.carrying {
		return nil
	}
	return g.carrier.Begin(send, recv)
}

// distinct returns an error where two ranks have the same device.
func (g *group) distinct(devices []Device) error {
	for i := range devices {
		for k := range i {
			if devices[i] == devices[k] {
				return fmt.Errorf("%s and %s have the same GPU, %v, expected one for each: LOCAL_RANK chooses it among those that CUDA_VISIBLE_DEVICES leaves", g.name(k), g.name(i), devices[i])
			}
		}
	}
	return nil
}

// drop ends what the carrier does after a failure.
func (g *group) drop() {
	if g.carrier != nil {
		g.carrier.Abort()
		g.carrier = nil
	}
}

// unload ends the carrier in order.
func (g *group) unload() {
	if g.carrier != nil {
		g.carrier.Close()
		g.carrier = nil
	}
}
