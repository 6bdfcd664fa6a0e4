//go:build nvidia

package cudadriver

/*
#include <cuda.h>
#include <stdint.h>
#include <string.h>

typedef CUresult (*sb_encode)(CUtensorMap *, CUtensorMapDataType, cuuint32_t, void *, const cuuint64_t *, const cuuint64_t *,
                              const cuuint32_t *, const cuuint32_t *, CUtensorMapInterleave, CUtensorMapSwizzle,
                              CUtensorMapL2promotion, CUtensorMapFloatOOBfill);

// sb_find_encode asks the driver for the function by name, so that this program also
// starts where a driver lacks it.
static sb_encode sb_find_encode(void) {
  void *f = NULL;
  CUdriverProcAddressQueryResult found = CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
  CUresult err = cuGetProcAddress("cuTensorMapEncodeTiled", &f, 12000, CU_GET_PROC_ADDRESS_DEFAULT, &found);
  return err == CUDA_SUCCESS && found == CU_GET_PROC_ADDRESS_SUCCESS ? (sb_encode)f : NULL;
}

// sb_tensor_map describes a matrix of bfloat16 and boxes of 64 columns.
static CUresult sb_tensor_map(uint64_t *words, uint64_t address, uint64_t columns, uint64_t rows, uint64_t pitch, uint32_t box_rows) {
  sb_encode encode = sb_find_encode();
  if (encode == NULL) return CUDA_ERROR_NOT_SUPPORTED;
  CUtensorMap map; // aligned as the driver wants it
  cuuint64_t dims[2] = {columns, rows}, strides[1] = {2 * pitch};
  cuuint32_t box[2] = {64, box_rows}, steps[2] = {1, 1};
  CUresult err = encode(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 2, (void *)(uintptr_t)address, dims, strides, box, steps,
                        CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_128B,
                        CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  memcpy(words, &map, sizeof map);
  return err;
}

static int sb_has_encode(void) { return sb_find_encode() != NULL; }
*/
import "C"

import (
	"fmt"
	"unsafe"

	"github.com/sparsebert/sparsebert-gpu/gpu"
)

// This line does not compile if the sizes differ.
var _ [unsafe.Sizeof(gpu.TensorMap{})]struct{} = [unsafe.Sizeof(C.CUtensorMap{})]struct{}{}

// hasTensorMaps says whether the driver can make tensor maps.
func hasTensorMaps() bool { return C.sb_has_encode() != 0 }

// EncodeTensorMap has the driver make a tensor map.
func (d *Driver) EncodeTensorMap(m gpu.Matrix) (t gpu.TensorMap, err error) {
	err = d.call("encode tensor map", "", false, func() error {
		if !d.properties.TensorMaps {
			return fmt.Errorf("found compute capability %d.%d, expected 9.0 or newer, and a driver with cuTensorMapEncodeTiled", d.properties.Major, d.properties.Minor)
		}
		if m.Rows < 1 || m.Columns < 1 || m.Pitch < m.Columns || m.BoxRows < 1 {
			return fmt.Errorf("found %d rows of %d in %d elements and boxes of %d rows, expected at least one of each, and no row longer than its pitch",
				m.Rows, m.Columns, m.Pitch, m.BoxRows)
		}
		return result(C.sb_tensor_map((*C.uint64_t)(unsafe.Pointer(&t[0])), C.uint64_t(m.Address), C.uint64_t(m.Columns), C.uint64_t(m.Rows),
			C.uint64_t(m.Pitch), C.uint32_t(m.BoxRows)))
	})
	return t, err
}
