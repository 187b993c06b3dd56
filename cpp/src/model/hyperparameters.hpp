// The numbers of an optimiser, a schedule or a cost, in the order of hyperparameters(Enum). All
// throw InvalidArgument. Not installed.
#pragma once

#include <span>
#include <vector>

#include "nncore/names.hpp"

namespace nncore {

// Those given, and defaults for what is left out at the end.
template <class Enum>
std::vector<double> with_defaults(Enum chosen, std::vector<double> given);

// Checks that each is one of those it may be.
template <class Enum>
void check_ranges(Enum chosen, std::span<const double> values);

// Throws InvalidArgument for more lanes than there may be.
void check_lanes(std::size_t lanes);

}  // namespace nncore
