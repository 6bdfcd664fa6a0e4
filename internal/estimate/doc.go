// Package estimate says how long a kernel would take on a GPU, and what bounds it, from what the
// simulator counted of it. It is an estimate: no figure of it was measured on hardware.
//
//	g, err := estimate.Find("h200")
//	e, err := g.Estimate(launch)
//	fmt.Println(e.Seconds, e.Bound)
//
// # The formula
//
// With G thread blocks, P multiprocessors and R thread blocks that a multiprocessor holds at once
// (Resident), the waves are W = ceil(G / (P R)). The busiest multiprocessor has the part f of the
// launch's work: what a schedule gives that hands the blocks out in order, each to the first place that
// is free, or ceil(G / P) / G where the blocks are not known one by one. Let clock be the cycles a second.
//
//	issue      = f instructions / issue slots / clock
//	each unit  = f instructions of the unit x 32 / lanes / clock
//	matrix     = f sum of (operations / rate) of the kinds / clock
//	shared     = f passes over shared memory / passes a cycle / clock
//	l1         = f sectors x 32 bytes / rate of a multiprocessor / clock
//	l2         = sectors x 32 bytes / rate of L2
//	memory     = different sectors x 32 bytes / rate of memory
//	path       = cycles of the schedule in which each block takes as long as it does alone / clock
//	longest    = cycles of the longest block / clock
//
//	time       = max(issue, units, matrix, shared, l1, l2, memory, path - longest) + longest
//
// So the longest chain of one thread counts in full, and beside it either what all blocks share or
// the waves before the last one, whichever is more. Where the blocks are not known one by one path is
// (W - 1) times their mean cycles, plus the longest. What a launch costs on top is not in it:
// LaunchPlain and LaunchGraph say that.
//
// # The bound
//
// Bound names the largest of the bounds. Where path is larger than all it says why: "dependent loads" if
// the chain of loads makes half of the longest block or more, "serial" if one warp does half of all
// work or more, "few blocks" if a quarter of the multiprocessors or more has nothing to do, "latency"
// otherwise: too few warps to hide what each waits for. "few blocks" is also the bound where a
// multiprocessor's own unit is and so many others have nothing to do.
//
// # What is frozen
//
// Version numbers formulas and rates together. Estimates of different versions are not comparable:
// a change of either raises it, and old kernels are measured again.
package estimate

// Version is the number of the ruler: of all formulas and rates of this package, and of the simulator's clock.
const Version = 1
