package cudadriver

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
)

// whole says whether code is an ELF file, as a cubin is, none of whose parts lies behind its end:
// the driver is given a pointer without a length. This file has no build tag, so that its tests
// need no GPU.
func whole(code []byte) bool {
	const machine, version, end = 18, 20, 24 // offsets in the header
	if len(code) < end {
		return false
	}
	if elf.Machine(binary.LittleEndian.Uint16(code[machine:])) == elf.EM_CUDA {
		code = bytes.Clone(code) // NVIDIA has the version of CUDA where others have that of ELF
		binary.LittleEndian.PutUint32(code[version:], uint32(elf.EV_CURRENT))
	}
	f, err := elf.NewFile(bytes.NewReader(code))
	if err != nil {
		return false
	}
	n := uint64(len(code))
	fits := func(offset, size uint64) bool { return offset <= n && size <= n-offset }
	for _, s := range f.Sections {
		if s.Type != elf.SHT_NOBITS && !fits(s.Offset, s.FileSize) {
			return false
		}
	}
	for _, p := range f.Progs {
		if !fits(p.Off, p.Filesz) {
			return false
		}
	}
	return true
}
