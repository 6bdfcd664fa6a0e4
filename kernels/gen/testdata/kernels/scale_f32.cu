// y [n] = factor x, float32.
extern "C" __global__ void scale_f32(float *y, const float *x, const float *factor, int n) {}
