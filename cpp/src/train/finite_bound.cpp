#include "train/finite_bound.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "threads/parallel.hpp"

// Every largest value here is that of absolute values, and infinity where one is NaN or infinite.

namespace nncore {
namespace {

template <class T>
double largest(const T* x, std::size_t count, int threads) {
  std::atomic<double> most{0};
  parallel_for(count, cache_line, threads_for(double(count), threads),
               [&](int, std::size_t begin, std::size_t end) {
                 const double mine = double(kernels<T>().largest_magnitude(x + begin, end - begin));
                 double known = most;
                 while (mine > known && !most.compare_exchange_weak(known, mine)) {
                 }
               });
  return most;
}

template <class T>
double largest(const MatrixView<const T>& x) {
  T most = 0;
  for (std::size_t i = 0; i < x.rows; ++i) {
    most = std::max(most, kernels<T>().largest_magnitude(x.row(i), x.cols));
  }
  return double(most);
}

// Of the sparse inputs and of the rows of w (in, out) that they meet.
struct SparseLargest {
  double x = 0, w = 0;
};

template <class T>
SparseLargest largest_met(const Batch<T>& batch, const Layer& layer, const T* w) {
  SparseLargest most;
  for (std::size_t i = 0; i < batch.rows; ++i) {
    with_row(batch.sparse, i, [&](const auto& row) {
      for (std::size_t p = 0; p < row.count; ++p) {
        most.x = std::max(most.x, double(kernels<T>().largest_magnitude(&row.value(p), 1)));
        const T* met = w + row.column(p) * layer.stride;
        most.w = std::max(most.w, double(kernels<T>().largest_magnitude(met, layer.stride)));
      }
    });
  }
  return most;
}

template <class T>
double largest_value(const Batch<T>& batch) {
  double most = 0;
  for (std::size_t i = 0; i < batch.rows; ++i) {
    with_row(batch.sparse, i, [&](const auto& row) {
      for (std::size_t p = 0; p < row.count; ++p) {
        most = std::max(most, double(kernels<T>().largest_magnitude(&row.value(p), 1)));
      }
    });
  }
  return most;
}

}  // namespace

template <class T>
bool surely_stays_finite(const Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
                         const GradientSink<T>& sink) {
  // What is left beside it takes the rounding of all sums, and decay that is put off, which
  // doubles what is added at most.
  constexpr double bound = double(std::numeric_limits<T>::max()) / 16;
  const double scale = std::max(1.0, std::abs(double(sink.scale)));
  const double decay = std::max(1.0, std::abs(sink.decay));
  for (std::size_t l = 0; l < network.layers().size(); ++l) {
    const Layer& layer = network.layers()[l];
    const T* w = network.parameters().data() + layer.weights_offset;
    const std::size_t size = layer.in * layer.stride;
    SparseLargest most;
    if (l > 0 || !batch.is_sparse) {
      most = {largest(ws.layers[l].x), largest(w, size, ws.threads)};
    } else if (sink.decay == 1 && batch.nonzeros < double(layer.in)) {
      most = largest_met(batch, layer, w);
    } else {
      most = {largest_value(batch), largest(w, size, ws.threads)};
    }
    const double b = double(kernels<T>().largest_magnitude(w + size, layer.stride));
    const double delta =
        largest<T>({ws.layers[l].delta.data(), batch.rows, layer.out, layer.stride});
    // No factor is below 1: the bound holds for what is computed on the way, too.
    const double added = scale * double(batch.rows) * std::max(1.0, most.x) * delta;
    if (!(decay * most.w + added < bound) || !(b + added < bound)) return false;
  }
  return true;
}

template bool surely_stays_finite(const Workspace<float>&, const Network<float>&,
                                  const Batch<float>&, const GradientSink<float>&);
template bool surely_stays_finite(const Workspace<double>&, const Network<double>&,
                                  const Batch<double>&, const GradientSink<double>&);

}  // namespace nncore
