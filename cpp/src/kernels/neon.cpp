// NEON of 64-bit Arm, where every machine has it: 16-byte vectors in 32 registers, fused.
#include <arm_neon.h>

#define NNCORE_VECTOR_BYTES 16
#define NNCORE_TILE_ROWS 12

namespace nncore {
namespace {
inline float32x4_t fused(float32x4_t a, float32x4_t b, float32x4_t c) { return vfmaq_f32(c, a, b); }
inline float64x2_t fused(float64x2_t a, float64x2_t b, float64x2_t c) { return vfmaq_f64(c, a, b); }
}  // namespace
}  // namespace nncore

#include "kernels/generic.hpp"

namespace nncore {
namespace {
constexpr Kernels<float> f32 = make_table<float>("neon");
constexpr Kernels<double> f64 = make_table<double>("neon");
}  // namespace
extern const InstructionSet neon{"neon", f32, f64};
}  // namespace nncore
