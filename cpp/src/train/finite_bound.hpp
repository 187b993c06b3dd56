// Whether an update can be taken without a way back: a step then needs no copy of the parameters.
#pragma once

#include <vector>

#include "compute/products.hpp"
#include "compute/workspace.hpp"
#include "nncore/network.hpp"

namespace nncore {

// Both say whether the parameters are sure to be finite after the update from this mini-batch,
// whose deltas are known: a bound of whatever the update computes is far below what T can hold.
// Where they say no, the parameters may be finite all the same. Both change nothing.

// Of plain SGD, which adds the gradient to the parameters as it comes: sink.data are the
// parameters. Looks at those alone that the gradient or decay will change.
template <class T>
bool surely_stays_finite(const Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
                         const GradientSink<T>& sink);

// Bounds of the absolute values in an optimiser's slots, while nobody else writes there. They spare
// a step to look at the slots: each step that is sure leaves those of the next one.
struct SlotBounds {
  bool known = false;
  double most[2] = {};
};

// Of any optimiser, which is handed the mean gradient, clipped or not. The slots stay finite, too,
// and below the bounds. Where it says no, these are not known any more.
template <class T>
bool surely_stays_finite(const Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
                         Optimizer optimizer, const Update& update,
                         const std::vector<Buffer<T>>& slots, SlotBounds& bounds);

}  // namespace nncore
