#include "compute/sparse_layer.hpp"

#include <algorithm>

#include "compute/batch.hpp"
#include "threads/parallel.hpp"

namespace nncore {

template <class T>
int threads_for_sparse(const Workspace<T>& ws, const Batch<T>& batch, const Layer& layer) {
  return threads_for(batch.nonzeros * double(layer.out), ws.threads);
}

namespace {

// Calls body(part, begin, end) for both parts of the rows, each with ranges of the units. Threads
// first take a part each: no two then write the same or neighbouring lines of the weights, and
// each keeps its own in its cache.
template <class F>
void for_each_part(std::size_t units, std::size_t multiple, int threads, F body) {
  if (threads <= 1) {  // without the divisions below, which a small row would feel
    body(Part::lower, std::size_t{0}, units);
    body(Part::upper, std::size_t{0}, units);
    return;
  }
  const auto ranges = static_cast<std::size_t>(std::max(1, threads / 2));
  const std::size_t blocks = (units + multiple - 1) / multiple;
  parallel_for(2 * ranges, 1, threads, [&](int, std::size_t first, std::size_t last) {
    for (std::size_t piece = first; piece < last; ++piece) {
      const std::size_t range = piece % ranges;
      const std::size_t begin = blocks * range / ranges * multiple;
      const std::size_t end = std::min(units, blocks * (range + 1) / ranges * multiple);
      if (begin < end) body(piece < ranges ? Part::lower : Part::upper, begin, end);
    }
  });
}

}  // namespace

template <class T>
void weighted_inputs_in_parts(Workspace<T>& ws, const Batch<T>& batch, const Layer& layer,
                              const T* w, const T* b, T* z) {
  constexpr std::size_t line = cache_line / sizeof(T);
  const Kernels<T>& k = kernels<T>();
  const std::size_t n = batch.rows, stride = layer.stride;
  const T scale = ws.pending_decay.scale();
  const int threads = threads_for_sparse(ws, batch, layer);
  T* sums = ws.sums.data();  // (n, out)
  for_each_part(layer.out, line, threads, [&](Part part, std::size_t begin, std::size_t end) {
    const bool lower = part == Part::lower;
    if (lower || threads > 1) prefetch_next(batch);
    k.sparse_matmul(batch.sparse, part, n, end - begin, w + begin, stride, scale,
                    lower ? b + begin : nullptr, (lower ? z : sums) + begin, stride);
  });
}

template <class T>
void weighted_inputs_sparse(Workspace<T>& ws, const Batch<T>& batch, const Layer& layer, const T* w,
                            const T* b, T* z) {
  weighted_inputs_in_parts(ws, batch, layer, w, b, z);
  kernels<T>().add(z, ws.sums.data(), batch.rows * layer.stride);
}

template <class T>
void weight_gradient_sparse(Workspace<T>& ws, const Batch<T>& batch, const Layer& layer,
                            const MatrixView<const T>&, const T* delta, const GradientSink<T>& sink,
                            T* dw) {
  constexpr std::size_t line = cache_line / sizeof(T);
  const Kernels<T>& k = kernels<T>();
  const std::size_t n = batch.rows, stride = layer.stride;
  const T scale = ws.pending_decay.unscaled(sink.scale);
  int threads = threads_for_sparse(ws, batch, layer);
  if (batch.columns.entries) {
    T* scaled = ws.sums.data();  // (n, out), which is free on the way back
    std::copy_n(delta, n * stride, scaled);
    k.rescale(scaled, scale, n * stride);
    parallel_for(layer.out, line, threads, [&](int, std::size_t begin, std::size_t end) {
      k.sparse_gradient_columns(batch.columns, end - begin, scaled + begin, stride, dw + begin,
                                stride, sink.overwrite);
    });
    return;
  }
  if (sink.overwrite) std::fill_n(dw, layer.in * stride, T(0));
  if (!batch.ascends) threads = 1;  // both parts may write the same rows of dw
  for_each_part(layer.out, line, threads, [&](Part part, std::size_t begin, std::size_t end) {
    k.sparse_gradient(batch.sparse, part, n, end - begin, scale, delta + begin, stride, dw + begin,
                      stride);
  });
}

#define NNCORE_INSTANTIATE(T)                                                                    \
  template int threads_for_sparse(const Workspace<T>&, const Batch<T>&, const Layer&);           \
  template void weighted_inputs_in_parts(Workspace<T>&, const Batch<T>&, const Layer&, const T*, \
                                         const T*, T*);                                          \
  template void weighted_inputs_sparse(Workspace<T>&, const Batch<T>&, const Layer&, const T*,   \
                                       const T*, T*);                                            \
  template void weight_gradient_sparse(Workspace<T>&, const Batch<T>&, const Layer&,             \
                                       const MatrixView<const T>&, const T*,                     \
                                       const GradientSink<T>&, T*);
NNCORE_INSTANTIATE(float)
NNCORE_INSTANTIATE(double)
#undef NNCORE_INSTANTIATE

}  // namespace nncore
