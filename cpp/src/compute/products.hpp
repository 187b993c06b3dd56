// The ways to multiply, and the one place that chooses among them. A layer has three products:
//
//   affine           a = act(x W + b)
//   propagate        the delta of the layer below, BP2
//   weight_gradient  dW = x^T delta, BP4
//
// Each can be computed in several ways. Which one serves a layer is decided once a run, from the
// layers' shapes and the density of the inputs; the equations in backprop.cpp need not know.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <span>
#include <vector>

#include "data/check.hpp"
#include "kernels/kernels.hpp"
#include "nncore/compact_rows.hpp"
#include "nncore/network.hpp"

namespace nncore {

template <class T>
struct Batch;
template <class T>
struct Workspace;

// How dense the inputs of a run are.
struct InputDensity {
  bool sparse = false;       // stored without their zeros
  bool mostly_zero = false;  // stored with them, and yet faster without
  double stored = 0;         // elements, of all rows
  double rows = 0;
};

// What is known of inputs without reading them.
template <class T>
InputDensity stored_density(const Inputs<T>& x) {
  return {.sparse = x.is_sparse() || x.is_coded(),
          .stored = double(x.stored()),
          .rows = double(x.rows())};
}

// Whether dense rows are mostly zero, by a sample of them.
template <class T>
bool is_mostly_zero(const Inputs<T>& x);

// The same, and whether dense inputs are mostly zero. That is not asked of a single row, whose
// zeros are searched for anyhow.
template <class T>
InputDensity measured_density(const Inputs<T>& x) {
  InputDensity density = stored_density(x);
  density.mostly_zero = !density.sparse && x.rows() > 1 && is_mostly_zero(x);
  return density;
}

// a = act(z), where a (n, out) holds z. Where z is not null it receives a copy of z.
template <class T>
struct ActivationForward {
  const typename Kernels<T>::ActivationKernels& kernels;
  std::size_t stride;
  T *a, *z;
  std::atomic<bool>* first_row_finite = nullptr;  // of z; null where nobody asks

  void operator()(T* block, std::size_t m, std::size_t n) const {
    if (first_row_finite && static_cast<std::size_t>(block - a) < stride && !all_finite(block, n)) {
      first_row_finite->store(false, std::memory_order_relaxed);
    }
    for (std::size_t i = 0; z && i < m; ++i) {
      std::copy_n(block + i * stride, n, z + (block - a) + i * stride);
    }
    kernels.apply(block, stride, m, n);
  }
};

// delta *= act'(z) for a delta (n, out), and for what dropout has left of each unit: mask is null
// where nothing was dropped.
template <class T>
struct ActivationBackward {
  const Kernels<T>& kernels;
  const Layer& layer;
  const T *a, *z, *mask;
  T* delta;

  void operator()(T* block, std::size_t m, std::size_t n) const {
    const std::ptrdiff_t at = block - delta;
    for (std::size_t i = 0; mask && i < m; ++i) {
      const std::size_t row = i * layer.stride;
      kernels.multiply(block + row, mask + at + row, n);
    }
    kernels.activations[layer.activation].multiply_slope(z + at, a + at, block, layer.stride, m, n);
  }
};

// Where a gradient goes: data = decay * data + scale * gradient, laid out as the parameters, which
// it may be. Biases do not decay. With overwrite, data = scale * gradient.
template <class T>
struct GradientSink {
  T* data = nullptr;
  T scale = 1;
  double decay = 1;
  bool overwrite = false;
  // What scale and 1 - decay are multiplied by for the weights of each layer, and scale for its
  // biases, in turn; empty for 1. Where it is 0 nothing is touched.
  std::span<const double> rates = {};

  double rate(std::size_t i) const { return rates.empty() ? 1 : rates[i]; }
  // The sink of one layer's weights.
  GradientSink of_weights(std::size_t l) const {
    if (rates.empty() || rates[2 * l] == 1) return *this;
    GradientSink sink = *this;
    sink.scale = static_cast<T>(double(scale) * rates[2 * l]);
    sink.decay = 1 - rates[2 * l] * (1 - decay);
    return sink;
  }
  // The first layer that is touched, or how many there are.
  std::size_t first_layer(std::size_t layers) const {
    std::size_t l = 0;
    while (l < layers && rate(2 * l) == 0 && rate(2 * l + 1) == 0) ++l;
    return l;
  }
};

// The ways that were chosen for one layer. x is (n, in), or the batch's sparse rows.
template <class T>
struct LayerProducts {
  // a (n, out) = act(x W + b), W being (in, out) and b (out).
  void (*affine)(Workspace<T>& ws, const Batch<T>& batch, const Layer& layer,
                 const MatrixView<const T>& x, const T* w, const T* b,
                 const ActivationForward<T>& act);
  // dw (in, out) = dw + scale * x^T delta, delta being (n, out); see GradientSink.
  void (*weight_gradient)(Workspace<T>& ws, const Batch<T>& batch, const Layer& layer,
                          const MatrixView<const T>& x, const T* delta, const GradientSink<T>& sink,
                          T* dw);
};

template <class T>
class Plan {
 public:
  // Chooses for a network's layers.
  void choose(std::span<const Layer> layers, const InputDensity& inputs);
  // Chooses anew for the first layer alone, whose inputs are of another density.
  void choose_first(bool sparse, bool mostly_zero);

  const LayerProducts<T>& operator[](std::size_t l) const { return layers_[l]; }

  // below (n, in) = (delta W^T) * act'(z), delta being (n, out). Without an act, delta W^T.
  using Propagate = void (*)(Workspace<T>& ws, std::size_t n, const Layer& layer, const T* delta,
                             const T* w, const MatrixView<T>& below,
                             const ActivationBackward<T>* act);
  // By the rows of the mini-batch.
  Propagate propagate(std::size_t n) const;

  // Whether a mini-batch of so many non-zeros is to be laid out by columns, too, for its gradient.
  bool wants_columns(double nonzeros) const { return nonzeros >= columns_from_; }

  // Whether several threads are faster than one on mini-batches of so many rows that are not cut
  // into lanes.
  bool deserves_threads(std::size_t rows) const;

 private:
  std::vector<LayerProducts<T>> layers_;
  double columns_from_ = 0;
  double largest_product_ = 0;  // multiply-adds, a row of the mini-batch
  double products_ = 0;         // the same of all of them together
  double weights_ = 0;          // of all layers
  bool sparse_ = false;
};

// Whether the layer's products are dot products with its weights, which lie in a column of W: a
// tile would compute a whole line of columns for the one.
bool is_one_unit(const Layer& layer, std::size_t l);

// below (n, in) = (delta W^T) * act'(z): the way for many rows. See Plan::propagate.
template <class T>
void propagate_gemm(Workspace<T>& ws, std::size_t n, const Layer& layer, const T* delta, const T* w,
                    const MatrixView<T>& below, const ActivationBackward<T>* act);

}  // namespace nncore
