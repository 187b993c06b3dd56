// AVX2 with FMA: 32-byte vectors in 16 registers.
#include <immintrin.h>

#define NNCORE_VECTOR_BYTES 32
#define NNCORE_TILE_ROWS 6

namespace nncore {
namespace {
inline __m256 fused(__m256 a, __m256 b, __m256 c) { return _mm256_fmadd_ps(a, b, c); }
inline __m256d fused(__m256d a, __m256d b, __m256d c) { return _mm256_fmadd_pd(a, b, c); }
#define NNCORE_NONZERO_LANES
inline unsigned nonzero_lanes(__m256 v) {
  return unsigned(_mm256_movemask_ps(_mm256_cmp_ps(v, _mm256_setzero_ps(), _CMP_NEQ_UQ)));
}
inline unsigned nonzero_lanes(__m256d v) {
  return unsigned(_mm256_movemask_pd(_mm256_cmp_pd(v, _mm256_setzero_pd(), _CMP_NEQ_UQ)));
}
}  // namespace
}  // namespace nncore

#include "kernels/generic.hpp"

namespace nncore {
namespace {
constexpr Kernels<float> f32 = make_table<float>("avx2");
constexpr Kernels<double> f64 = make_table<double>("avx2");
}  // namespace
extern const InstructionSet avx2{"avx2", f32, f64};
}  // namespace nncore
