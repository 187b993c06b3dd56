#include "train/finite_bound.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <utility>

#include "kernels/optimizers.hpp"
#include "model/visit.hpp"
#include "threads/parallel.hpp"

// Every largest value here is that of absolute values, and infinity where one is NaN or infinite.

namespace nncore {
namespace {

template <class T>
double largest(T (*kernel)(const T*, std::size_t), const T* x, std::size_t count, int threads) {
  std::atomic<double> most{0};
  parallel_for(count, cache_line, threads_for(double(count), threads),
               [&](int, std::size_t begin, std::size_t end) {
                 const double mine = double(kernel(x + begin, end - begin));
                 double known = most;
                 while (mine > known && !most.compare_exchange_weak(known, mine)) {
                 }
               });
  return most;
}

template <class T>
double largest(const T* x, std::size_t count, int threads) {
  return largest(kernels<T>().largest_magnitude, x, count, threads);
}

template <class T>
double largest(const MatrixView<const T>& x) {
  T most = 0;
  for (std::size_t i = 0; i < x.rows; ++i) {
    most = std::max(most, kernels<T>().largest_magnitude(x.row(i), x.cols));
  }
  return double(most);
}

// What is left beside it takes the rounding of all sums, and decay that is put off, which doubles
// what is added at most.
template <class T>
constexpr double far_below_overflow = double(std::numeric_limits<T>::max()) / 16;

// A bound of what the gradient of a layer is made of, times `scale`: x is that of its inputs. No
// factor is below 1: the bound holds for what is computed on the way, too.
template <class T>
double gradient_bound(const Workspace<T>& ws, const Batch<T>& batch, const Layer& layer,
                      std::size_t l, double scale, double x) {
  const double delta = largest<T>({ws.layers[l].delta.data(), batch.rows, layer.out, layer.stride});
  // A sparse row may have a column more than once.
  const double terms = l == 0 && batch.is_sparse ? batch.nonzeros : 0;
  return std::max(1.0, scale) * std::max(double(batch.rows), terms) * std::max(1.0, x) * delta;
}

template <class T>
double largest_input(const Workspace<T>& ws, const Batch<T>& batch, std::size_t l) {
  if (l > 0 || !batch.is_sparse) return largest(ws.layers[l].x);
  return double(kernels<T>().sparse_largest(batch.sparse, batch.rows, 0, nullptr, 0).x);
}

// The largest of the parameters that a sparse mini-batch without decay changes.
template <class T>
double largest_met(const Network<T>& network, const Batch<T>& batch) {
  const Layer& first = network.layers().front();
  const std::span<const T> all = network.parameters();
  const T* w = all.data() + first.weights_offset;
  const Kernels<T>& k = kernels<T>();
  const T met = k.sparse_largest(batch.sparse, batch.rows, first.out, w, first.stride).w;
  const T others =
      k.largest_magnitude(all.data() + first.biases_offset, all.size() - first.biases_offset);
  return double(std::max(met, others));
}

}  // namespace

template <class T>
bool surely_stays_finite(const Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
                         const GradientSink<T>& sink, KnownBounds<T>& bounds) {
  const double known = std::exchange(bounds.parameters, bounds.unknown);
  double fastest = 1;
  for (const double rate : sink.rates) fastest = std::max(fastest, rate);
  const double scale = fastest * std::abs(double(sink.scale));
  const double decay = std::max(1.0, 1 + fastest * std::abs(1 - sink.decay));
  double added = 0;
  for (std::size_t l = 0; l < network.layers().size(); ++l) {
    const double x = largest_input(ws, batch, l);
    const double g = gradient_bound(ws, batch, network.layers()[l], l, scale, x);
    if (!(g < far_below_overflow<T>)) return false;
    added = std::max(added, g);
  }
  double behind = 0;
  const auto is_sure = [&](double most) {
    behind = (decay * most + added) * with_rounding<T>;
    return behind < far_below_overflow<T>;
  };
  const bool few_met =
      batch.is_sparse && sink.decay == 1 && batch.nonzeros < double(network.layers().front().in);
  if (is_sure(known)) {
    bounds.parameters = behind;
    return true;
  }
  if (!few_met || bounds.is_lasting()) {
    const std::span<const T> all = network.parameters();
    if (is_sure(largest(all.data(), all.size(), ws.threads))) {
      bounds.parameters = behind;
      return true;
    }
  }
  return few_met && is_sure(largest_met(network, batch));
}

template <class T>
bool surely_stays_finite(const Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
                         Optimizer optimizer, const Update& update,
                         const std::vector<Buffer<T>>& slots, KnownBounds<T>& bounds) {
  const double known = std::exchange(bounds.parameters, bounds.unknown);
  const bool slots_known = std::exchange(bounds.slots_known, false);
  const std::size_t size = network.parameters().size();
  Magnitudes most;
  const double scale = static_cast<double>(static_cast<T>(1 / batch.weight_sum));
  for (std::size_t l = 0; l < network.layers().size(); ++l) {
    const double x = largest_input(ws, batch, l);
    const double g = gradient_bound(ws, batch, network.layers()[l], l, scale, x);
    if (!(g < far_below_overflow<T>)) return false;
    most.g = std::max(most.g, g);
  }
  const Kernels<T>& k = kernels<T>();
  return visit(optimizer, [&](auto e) {
    using Fn = OptimizerFn<e>;
    const auto is_sure = [&] {
      Magnitudes behind = most;
      if (!(update_bound<T, e>(update, behind) < far_below_overflow<T>)) return false;
      bounds.parameters = behind.w;
      std::copy_n(behind.s, 2, bounds.slots);
      bounds.slots_known = true;
      return true;
    };
    most.w = known;
    std::copy_n(bounds.slots, 2, most.s);
    if (slots_known && known < bounds.unknown && is_sure()) return true;
    most.w = largest(network.parameters().data(), size, ws.threads);
    if (slots_known && is_sure()) return true;
    for (std::size_t s = 0; s < slots.size(); ++s) {
      most.s[s] = largest(Fn::slot_from_zero[s] ? k.largest_from_zero : k.largest_magnitude,
                          slots[s].data(), size, ws.threads);
    }
    return is_sure();
  });
}

#define NNCORE_INSTANTIATE(T)                                                                \
  template bool surely_stays_finite(const Workspace<T>&, const Network<T>&, const Batch<T>&, \
                                    const GradientSink<T>&, KnownBounds<T>&);                \
  template bool surely_stays_finite(const Workspace<T>&, const Network<T>&, const Batch<T>&, \
                                    Optimizer, const Update&, const std::vector<Buffer<T>>&, \
                                    KnownBounds<T>&);
NNCORE_INSTANTIATE(float)
NNCORE_INSTANTIATE(double)
#undef NNCORE_INSTANTIATE

}  // namespace nncore
