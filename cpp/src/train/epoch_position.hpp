// What can be a place in an epoch. Not installed.
#pragma once

#include <cstdint>

#include "nncore/train.hpp"

namespace nncore {

// EpochPosition::order of a checkpoint that does not say it: rows in any order but a given one.
inline constexpr std::uint64_t unknown_order = 2;

// Throws InvalidArgument.
void check_position(const EpochPosition& position);

}  // namespace nncore
