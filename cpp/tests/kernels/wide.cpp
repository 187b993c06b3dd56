// The kernels of avx512.cpp, over 64-byte vectors, for machines without such registers: the
// compiler splits each vector. Only the intrinsics of avx512.cpp, in fused and nonzero_lanes, are
// replaced, by loops over lanes.
#include "kernels/math.hpp"

#define NNCORE_VECTOR_BYTES 64
#define NNCORE_TILE_ROWS 12

namespace nncore {
namespace {
template <class V>
inline V fused(V a, V b, V c) {
  static_assert(NNCORE_FMA);
  for (unsigned j = 0; j < sizeof(V) / sizeof(a[0]); ++j) c[j] = madd(a[j], b[j], c[j]);
  return c;
}
}  // namespace
}  // namespace nncore

#include "kernels/generic.hpp"

namespace nncore {
namespace {
constexpr Kernels<float> f32 = make_table<float>("wide");
constexpr Kernels<double> f64 = make_table<double>("wide");
}  // namespace
extern const InstructionSet wide{"wide", f32, f64};
}  // namespace nncore
