// What the numbers of an Augmentation must be. Not installed.
#pragma once

#include <cstddef>

#include "nncore/augmentation.hpp"

namespace nncore {

// The same with the size of an image: where it has none, that of a square of so many inputs, if
// there is one.
Augmentation of_size(Augmentation augmentation, std::size_t inputs);

}  // namespace nncore
