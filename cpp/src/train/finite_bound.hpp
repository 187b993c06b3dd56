// Whether an update can be taken without a way back: a step then needs no copy of the parameters.
#pragma once

#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "compute/products.hpp"
#include "compute/workspace.hpp"
#include "model/parameter_access.hpp"
#include "nncore/network.hpp"

namespace nncore {

// Both say whether the parameters are sure to be finite after the update from this mini-batch,
// whose deltas are known: a bound of whatever the update computes is far below what T can hold.
// Where they say no, the parameters may be finite all the same. Both change nothing.

// Bounds of the absolute values among the parameters and in an optimiser's slots, while nobody else
// writes there. They spare a step to look at all of them: each step that is sure leaves the bounds
// of the next one.
template <class T>
class KnownBounds {
 public:
  static constexpr double unknown = std::numeric_limits<double>::infinity();

  double parameters = unknown;
  bool slots_known = false;
  double slots[2] = {};

  // At the start of a call, which holds the network's TrainAccess. Forgets the parameters' bound if
  // anybody else has held that since the last call, or if callers had a view or have one.
  void begin_call(const Network<T>& network) {
    const bool was_lasting = std::exchange(lasting_, ParameterAccess<T>::is_exclusive(network));
    const std::uint64_t last = std::exchange(writers_, ParameterAccess<T>::writers(network));
    if (!was_lasting || !lasting_ || writers_ != last + 1) parameters = unknown;
  }
  // Whether a bound of the parameters, once found, still holds in the next call.
  bool is_lasting() const { return lasting_; }

 private:
  bool lasting_ = false;
  std::uint64_t writers_ = 0;
};

// Of plain SGD, which adds the gradient to the parameters as it comes: sink.data are the
// parameters. Only those that the gradient or decay will change count. All are looked at once where
// later calls can go on from what was found.
template <class T>
bool surely_stays_finite(const Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
                         const GradientSink<T>& sink, KnownBounds<T>& bounds);

// Of any optimiser, which is handed the mean gradient, clipped or not. The slots stay finite, too.
// Where it says no, no bounds are known any more.
template <class T>
bool surely_stays_finite(const Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
                         Optimizer optimizer, const Update& update,
                         const std::vector<Buffer<T>>& slots, KnownBounds<T>& bounds);

}  // namespace nncore
