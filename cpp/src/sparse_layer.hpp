// The first layer where its inputs are sparse: forward and gradient touch what is not zero.
#pragma once

#include "nncore/network.hpp"
#include "workspace.hpp"

namespace nncore {

// z (n, out) = x W^T + b, W being input_scale times the parameters w, (in, out).
template <class T>
void weigh_sparse(Workspace<T>& ws, const Batch<T>& batch, const Layer& layer, const T* w,
                  const T* b, T* z);

// dw (in, out) += x^T delta, or with overwrite dw = x^T delta.
template <class T>
void sparse_gradient(const Workspace<T>& ws, const Batch<T>& batch, const Layer& layer,
                     const T* delta, T* dw, bool overwrite);

}  // namespace nncore
