package gpu

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
)

// elements returns the launch of an element by element operation.
func (b *device) elements(n int) config {
	return config{grid: grid((n+7)/8, 256, 32*b.prop.Multiprocessors), block: Dim3{X: 256}}
}

// DropoutApply implements backend.Layers.
func (b *device) DropoutApply(y, x backend.Buffer, n int, d backend.Dropout) {
	if n > 0 {
		b.k.dropoutApply(b.elements(n), dropoutApplyArgs{
			y: ptrAct(address(y)), x: ptrAct(address(x)), step: b.scalars(), rate: d.Rate, site: int32(d.Site), n: int64(n),
		})
	}
}

// Tanh implements backend.Layers.
func (b *device) Tanh(y, x backend.Buffer, n int) {
	if n > 0 {
		b.k.tanh(b.elements(n), tanhArgs{y: ptrAct(address(y)), x: ptrAct(address(x)), n: int64(n)})
	}
}

// TanhGrad implements backend.Layers.
func (b *device) TanhGrad(dx, dy, y backend.Buffer, n int) {
	if n > 0 {
		b.k.tanhGrad(b.elements(n), tanhGradArgs{dx: ptrAct(address(dx)), dy: ptrAct(address(dy)), y: ptrAct(address(y)), n: int64(n)})
	}
}

// GELUGrad implements backend.Layers.
func (b *device) GELUGrad(dx, dy, pre backend.Buffer, n int) {
	if n > 0 {
		b.k.geluGrad(b.elements(n), geluGradArgs{dx: ptrAct(address(dx)), dy: ptrAct(address(dy)), pre: ptrAct(address(pre)), n: int64(n)})
	}
}
