// The kernels of an instruction set for one type.
#pragma once

#include "kernels/kernels.hpp"

namespace nncore {

template <class T>
const Kernels<T>& table(const InstructionSet& set) {
  if constexpr (sizeof(T) == 4) return set.f32;
  if constexpr (sizeof(T) == 8) return set.f64;
}

}  // namespace nncore
