// What a cost is computed with, besides outputs and targets.
#pragma once

#include <cstddef>

namespace nncore {

struct CostParameters {
  const double* hyperparameters = nullptr;  // of the cost, all of them
  const double* list = nullptr;             // quantiles, or weights of classes
  std::size_t count = 0;                    // of the list
};

}  // namespace nncore
