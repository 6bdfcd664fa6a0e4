package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// fence emits the wait for non-temporal stores.
func fence() {
	declare("fenceSSE", "func()", "is Set.Fence.")
	SFENCE()
	RET()
}

// pause emits the hint of a loop that waits for another thread.
func pause() {
	declare("pauseSSE", "func()", "is Pause.")
	PAUSE()
	RET()
}

// mode emits reading and writing of the thread's control word for floating point.
func mode() {
	declare("modeSSE", "func() uint32", "returns the thread's control word for floating point.")
	STMXCSR(NewParamAddr("ret", 0))
	RET()
	declare("setModeSSE", "func(mode uint32)", "sets the thread's control word for floating point.")
	m, err := Param("mode").Resolve()
	if err != nil {
		panic(err)
	}
	LDMXCSR(m.Addr)
	RET()
}

// vendor emits CPUID of leaf 0.
func vendor() {
	declare("vendor", "func() (b, d, c uint32)", "returns the three registers of CPUID that say who made the processor.")
	XORL(reg.EAX, reg.EAX)
	XORL(reg.ECX, reg.ECX)
	CPUID()
	Store(reg.EBX, ReturnIndex(0))
	Store(reg.EDX, ReturnIndex(1))
	Store(reg.ECX, ReturnIndex(2))
	RET()
}
