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

// The same without the last step of it: z is what lies in the first part of each row, and ws.sums
// what is to be added to that.
template <class T>
void weighted_inputs_in_parts(Workspace<T>& ws, const Batch<T>& batch, const Layer& layer,
                              const T* w, const T* b, T* z);

// How many threads both products deserve.
template <class T>
int threads_for_sparse(const Workspace<T>& ws, const Batch<T>& batch, const Layer& layer);

// dw (in, out) += scale * x^T delta, by columns where the mini-batch has them; see GradientSink.
template <class T>
void weight_gradient_sparse(Workspace<T>& ws, const Batch<T>& batch, const Layer& layer,
                            const MatrixView<const T>& x, const T* delta,
                            const GradientSink<T>& sink, T* dw);

}  // namespace nncore
