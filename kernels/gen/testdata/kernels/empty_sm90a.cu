// Nothing, for compute capability 9.0 alone.
extern "C" __launch_bounds__(128) __global__ __cluster_dims__(2, 1, 1) void empty_sm90a() {}
