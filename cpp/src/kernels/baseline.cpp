// What every machine of the architecture has: 16-byte vectors. Products and sums are not fused;
// the elementary functions (madd) are on 64-bit Arm, all of whose machines can, as they are in
// neon.
#define NNCORE_VECTOR_BYTES 16
#define NNCORE_TILE_ROWS 6

namespace nncore {
namespace {
template <class V>
inline V fused(V a, V b, V c) {
  return a * b + c;
}
}  // namespace
}  // namespace nncore

#include "kernels/generic.hpp"

namespace nncore {
namespace {
constexpr Kernels<float> f32 = make_table<float>("baseline");
#ifdef NNCORE_NO_FLOAT64
constexpr Kernels<double> f64{};  // which nothing calls
#else
constexpr Kernels<double> f64 = make_table<double>("baseline");
#endif
}  // namespace
extern const InstructionSet baseline{"baseline", f32, f64};
}  // namespace nncore
