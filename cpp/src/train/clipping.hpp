// What keeps gradients and weights small.
#pragma once

#include <span>

#include "nncore/network.hpp"
#include "nncore/train.hpp"

namespace nncore {

// By TrainOptions::clip_value and clip_norm; they are left alone where both are 0.
template <class T>
void clip(std::span<T> gradients, const TrainOptions& options);

// Shrinks the incoming weights of every unit whose norm passes the bound (Srivastava et al.,
// 2014, section 5.1).
// Layers whose weights have a rate of 0 are left alone.
template <class T>
void bound_norms(Network<T>& network, double bound, std::span<const double> rates);

}  // namespace nncore
