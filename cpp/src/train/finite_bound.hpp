// Whether an update can be taken without a way back: a step then needs no copy of the parameters.
#pragma once

#include "compute/products.hpp"
#include "compute/workspace.hpp"
#include "nncore/network.hpp"

namespace nncore {

// Whether the parameters are sure to be finite once the gradient of this mini-batch, whose deltas
// are known, was added to them: a bound of each layer's largest parameter and of its gradient is
// far below what T can hold. Where it is not, they may be finite all the same. Looks at those
// parameters alone that the gradient or decay will change, and changes nothing. sink.data are the
// parameters.
template <class T>
bool surely_stays_finite(const Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
                         const GradientSink<T>& sink);

}  // namespace nncore
