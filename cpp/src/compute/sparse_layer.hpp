// The products of the first layer where its inputs are sparse. They touch only what is not zero.
// Plan in products.cpp chooses them.
#pragma once

#include "compute/workspace.hpp"
#include "nncore/network.hpp"

namespace nncore {

// z (n, out) = x W + b, where W (in, out) is w with its pending decay.
template <class T>
void weighted_inputs_sparse(Workspace<T>& ws, const Batch<T>& batch, const Layer& layer, const T* w,
                            const T* b, T* z);

// dw (in, out) += scale * x^T delta, by columns where the mini-batch has them; see GradientSink.
template <class T>
void weight_gradient_sparse(Workspace<T>& ws, const Batch<T>& batch, const Layer& layer,
                            const MatrixView<const T>& x, const T* delta,
                            const GradientSink<T>& sink, T* dw);

}  // namespace nncore
