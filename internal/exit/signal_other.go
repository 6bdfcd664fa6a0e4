//go:build !unix

package exit

import "os"

// told is empty: this system has no such signals.
var told map[os.Signal]Signal

// ignorePipe does nothing: on this system a write that fails ends no program.
func ignorePipe() {}
