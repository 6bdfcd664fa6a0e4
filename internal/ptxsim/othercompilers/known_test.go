package othercompilers

import "github.com/sparsebert/sparsebert-gpu/internal/ptxsim"

// knownCases are the cases that do not work, with a part of the error that they
// must give. The first group is left out on purpose and refused by name.
var knownCases = map[string]string{
	"n_cub_radix_keys": "video instructions are left out", "n_simd": "video instructions are left out",
	"n_funcptr": "indirect calls are left out", "n_virtual": "indirect calls are left out",
	"n_printf_assert": "printf and assert are left out",
	"n_wmma_bf16":     "wmma is left out", "n_wmma_f16_32x8x16": "wmma is left out", "n_wmma_f16_f32": "wmma is left out",
	"n_wmma_f64": "wmma is left out", "n_wmma_s8": "wmma is left out", "n_wmma_tf32": "wmma is left out",
	"t90_mm_i8_64x64x64":    "integer matrix products are left out",
	"t_mm_f64_32x32x32":     "float64 matrix products are left out",
	"t_from_e4nv_bf16_cc90": "fp8 is left out", "t_from_e4nv_f16_cc90": "fp8 is left out", "t_from_e4nv_f32_cc90": "fp8 is left out",
	"t_from_e5_f16_cc90": "fp8 is left out", "t_from_e5_f32_cc90": "fp8 is left out",
	"t_to_e4nv_bf16_cc90": "fp8 is left out", "t_to_e4nv_f16_cc90": "fp8 is left out", "t_to_e4nv_f32_cc90": "fp8 is left out",
	"t_to_e5_bf16_cc90": "fp8 is left out", "t_to_e5_f16_cc90": "fp8 is left out",

	// their input is not among the files
	"n_bfs": "bfs_p.bin: no such file", "n_cub_lookback": "tiledesc.bin: no such file", "t_atomic_mix": "i32min3.bin: no such file",
}

// reportedCases are those whose result is right and which must be reported all the same.
var reportedCases = map[string]error{"n_reduce_volatile": ptxsim.ErrRace}

// plantedFaults are the planted files that must be reported, and as what.
var plantedFaults = map[string]error{
	"named_bar_hides": ptxsim.ErrRace, "named_bar_hides2": ptxsim.ErrRace, "shfl_as_sync": ptxsim.ErrRace,
	"cpasync_no_wait": ptxsim.ErrUninitialized, "cpasync_src_overwritten": ptxsim.ErrRace,
	"grid_const_oob": ptxsim.ErrOutOfBounds, "local_oob_far": ptxsim.ErrOutOfBounds, "oob_one": ptxsim.ErrOutOfBounds,
	"static_shared_oob1": ptxsim.ErrOutOfBounds, "dyn_shared_oob": ptxsim.ErrOutOfBounds,
	"uninit_reg": ptxsim.ErrUninitialized, "uninit_shared": ptxsim.ErrUninitialized,
	"vol_shared_nobar": ptxsim.ErrRace, "vol_read_then_plain_write": ptxsim.ErrRace, "warp_sync_missing": ptxsim.ErrRace,
	"divergent_bar": ptxsim.ErrDivergent, "global_raw": ptxsim.ErrRace, "global_ww": ptxsim.ErrRace,
	"block_ww": ptxsim.ErrRace, "block_ww_atomic_elsewhere": ptxsim.ErrRace,
}

// plantedValues are the first bytes that the planted files without a fault leave.
var plantedValues = map[string][]byte{
	"brx": {2}, "constexpr": {14}, "cvtap": {77}, "vecreg": {1}, "bigoff": {1}, "testp": {1}, "acqrel_flag": {1}, "block_spin": {1},
	"satftz": make([]byte, 20), "early_exit_then_bar": {1}, "speculative_uninit": {5}, "shift_race_bytes": {0, 1, 2, 3},
}

// orderFaults are the planted files that must be reported in some order of the warps, and as what. Both warps add to
// what the first one sets to 0.
var orderFaults = map[string]error{"atomic_order": ptxsim.ErrUninitialized}
