// AVX-512 (F, DQ, VL, BW): 64-byte vectors in 32 registers.
#include <immintrin.h>

#define NNCORE_VECTOR_BYTES 64
#define NNCORE_TILE_ROWS 12

namespace nncore {
namespace {
inline __m512 fused(__m512 a, __m512 b, __m512 c) { return _mm512_fmadd_ps(a, b, c); }
inline __m512d fused(__m512d a, __m512d b, __m512d c) { return _mm512_fmadd_pd(a, b, c); }
#define NNCORE_NONZERO_LANES
// GCC 12 may spill a mask as one byte and read it back as eight. So it is moved by hand.
inline unsigned nonzero_lanes(__m512 v) {
  unsigned lanes = 0;
  asm("kmovw %1, %0" : "=r"(lanes) : "k"(_mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_NEQ_UQ)));
  return lanes;
}
inline unsigned nonzero_lanes(__m512d v) {
  unsigned lanes = 0;
  asm("kmovb %1, %0" : "=r"(lanes) : "k"(_mm512_cmp_pd_mask(v, _mm512_setzero_pd(), _CMP_NEQ_UQ)));
  return lanes;
}
}  // namespace
}  // namespace nncore

#include "kernels/generic.hpp"

namespace nncore {
namespace {
constexpr Kernels<float> f32 = make_table<float>("avx512");
constexpr Kernels<double> f64 = make_table<double>("avx512");
}  // namespace
extern const InstructionSet avx512{"avx512", f32, f64};
}  // namespace nncore
