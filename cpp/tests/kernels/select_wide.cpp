// Replaces kernels/select.cpp in nncore_tests_wide: everything runs on the table of wide.cpp, which
// is compared with AVX2's.
#include "kernels/kernels.hpp"
#include "nncore/error.hpp"

namespace nncore {

extern const InstructionSet avx2, wide;

const InstructionSet& instruction_set() {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
    throw InvalidArgument("wide vectors are made of AVX2's, which this machine does not have");
  }
  return wide;
}

std::vector<const InstructionSet*> available_instruction_sets() { return {&wide, &avx2}; }

template <>
const Kernels<float>& kernels<float>() {
  return wide.f32;
}

template <>
const Kernels<double>& kernels<double>() {
  return wide.f64;
}

}  // namespace nncore
