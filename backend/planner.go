package backend

// Planner is a Backend that can say, before anything is computed, which memory
// its operations will take.
type Planner interface {
	Backend
	// Plan returns an empty backend with the launches and the allocations of this
	// one, on a device that has no memory and does nothing: what is called on it
	// counts in its DeviceMemory. Reads give zeros. The caller closes it.
	Plan() (Planner, error)
	// DeviceMemory is what this backend has taken from the device.
	DeviceMemory() DeviceMemory
	// FreeMemory returns what a backend can still take, and what the device has.
	FreeMemory() (free, total int64, err error)
}

// DeviceMemory is memory of a device in bytes.
type DeviceMemory struct {
	Bytes int64 // all that is in use: MemoryBytes and Working
	// Needed is what the device must have free for it: the most that ever was in
	// use, in the pages in which the device gives memory out.
	Needed int64
	// Working is what there is beside buffers and parameters, part by part; the
	// order and the names are those of the backend, always all of them.
	Working []MemoryPart
}

// MemoryPart is a part of a device's memory.
type MemoryPart struct {
	Name  string
	Bytes int64
}
