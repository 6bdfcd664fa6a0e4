//go:build cubins

package kernels

import (
	"embed"
	"io/fs"
)

//go:embed cubin/*.zip
var cubinFiles embed.FS

var cubins fs.FS = cubinFiles
