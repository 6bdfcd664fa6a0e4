package simdriver

import (
	"maps"
	"reflect"

	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
)

// Counters are what the launches of a kernel did, those that failed not counted.
type Counters struct {
	Launches int64
	Work
}

// classes is the number of classes of instructions.
const classes = len(ptxsim.Counters{}.Warp)

// Classes names the classes of instructions, in the order in which Work counts them.
func Classes() []string {
	names := make([]string, classes)
	for i := range names {
		names[i] = ptxsim.Class(i).String()
	}
	return names
}

// Work is what blocks of a kernel did, summed up. A sector is 32 aligned bytes of
// global memory; each warp instruction counts the different sectors that it touches
// (no cache is modeled).
type Work struct {
	Warp   [classes]int64 // instructions issued by warps, by class
	Thread [classes]int64 // the same, times the lanes that executed them

	GlobalLoadBytes    int64 // asked for by lanes, cp.async included
	GlobalStoreBytes   int64
	GlobalLoadSectors  int64
	GlobalStoreSectors int64
	GlobalAtomics      int64 // lanes that executed an atomic on global memory

	// SharedConflicts counts the passes over the 32 banks of 4 bytes beyond those
	// that an access needs anyway (1 for up to 4 bytes per lane and for each 8 x 8
	// matrix, 2 for 8 bytes, 4 for 16).
	SharedConflicts int64
	SharedAtomics   int64
}

// Instructions returns the number of warp instructions and of thread
// instructions of all classes.
func (w Work) Instructions() (warp, thread int64) {
	c := ptxsim.Counters(w)
	return c.Instructions()
}

// accumulate adds every number of from, a struct or array of integers, to total.
func accumulate(total, from reflect.Value) {
	switch from.Kind() {
	case reflect.Int64:
		total.SetInt(total.Int() + from.Int())
	case reflect.Struct:
		for i := range from.NumField() {
			accumulate(total.Field(i), from.Field(i))
		}
	case reflect.Array:
		for i := range from.Len() {
			accumulate(total.Index(i), from.Index(i))
		}
	}
}

// Counters returns what was done since New or ResetCounters, by name of the
// kernel. It works after Close too.
func (d *Driver) Counters() map[string]Counters {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.counters)
}

// ResetCounters sets all counters to 0 and forgets all launches.
func (d *Driver) ResetCounters() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.counters)
	d.launches = nil
}
