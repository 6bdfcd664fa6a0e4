//go:build !cubins

package kernels

import "io/fs"

// cubins has the archives of machine code: none in this build.
var cubins fs.FS
