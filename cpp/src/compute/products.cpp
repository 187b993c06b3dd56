#include "compute/products.hpp"

#include <algorithm>
#include <atomic>

#include "compute/sparse_layer.hpp"
#include "compute/workspace.hpp"
#include "data/narrow_rows.hpp"
#include "threads/parallel.hpp"

// Shapes: n = rows of the mini-batch; rows of every buffer are padded to the layer's stride.

namespace nncore {
namespace {

// A product, cut over whichever side of C is longer; no sum is ever cut.
template <class T>
void gemm(Workspace<T>& ws, const GemmArgs<T>& product) {
  constexpr std::size_t line = cache_line / sizeof(T);
  const double work = double(product.m) * double(product.n) * double(product.k);
  const int threads = threads_for(work, ws.threads);
  const auto run = [&](int part, const GemmArgs<T>& p) {
    kernels<T>().matmul(p, ws.panels.data() + static_cast<std::size_t>(part) * ws.panel_size);
  };
  if (product.m >= product.n) {
    parallel_for(product.m, 12, threads, [&](int part, std::size_t begin, std::size_t end) {
      GemmArgs<T> p = product;
      p.m = end - begin;
      p.a += begin * p.a_row;
      p.c += begin * p.c_row;
      run(part, p);
    });
  } else {
    parallel_for(product.n, 2 * line, threads, [&](int part, std::size_t begin, std::size_t end) {
      GemmArgs<T> p = product;
      p.n = end - begin;
      p.b += begin;
      p.c += begin;
      if (p.bias) p.bias += begin;
      run(part, p);
    });
  }
}

// The same; epilogue(block, m, n) follows for every block of C as soon as it is done.
template <class T, class Epilogue>
void gemm(Workspace<T>& ws, GemmArgs<T> product, const Epilogue& epilogue) {
  product.context = &epilogue;
  product.epilogue = [](const void* context, T* block, std::size_t m, std::size_t n) {
    (*static_cast<const Epilogue*>(context))(block, m, n);
  };
  gemm(ws, product);
}

// ---- affine: a (n, out) = act(x (n, in) W (in, out) + b (out)) ------------------------------

// a = act(a), where the product has not done it block by block.
template <class T>
void activate(Workspace<T>& ws, std::size_t n, const Layer& layer,
              const ActivationForward<T>& act) {
  for_each_row_block(ws.threads, n, double(layer.out) * 16,
                     [&](std::size_t first, std::size_t rows) {
                       act(act.a + first * layer.stride, rows, layer.out);
                     });
}

template <class T, bool mostly_zero>
void affine_gemm(Workspace<T>& ws, const Batch<T>& batch, const Layer& layer,
                 const MatrixView<const T>& x, const T* w, const T* b,
                 const ActivationForward<T>& act) {
  GemmArgs<T> product{.m = batch.rows,
                      .n = layer.out,
                      .k = layer.in,
                      .a = x.data,
                      .a_row = x.stride,
                      .a_col = 1,
                      .b = w,
                      .b_row = layer.stride,
                      .c = act.a,
                      .c_row = layer.stride,
                      .bias = b,
                      .mostly_zero = mostly_zero};
  std::atomic<bool> first_row_finite{true};
  ActivationForward<T> watched = act;
  if (batch.rows > 1 && !mostly_zero) watched.first_row_finite = &first_row_finite;
  const auto run = [&] {
    if (act.kernels.elementwise) return gemm(ws, product, watched);
    gemm(ws, product);
    activate(ws, batch.rows, layer, watched);
  };
  run();
  // A row alone leaves out its zeros. With a weight that is not finite that shows: 0 times it is
  // NaN, which a tile then has in every row. So all rows leave out their zeros then.
  if (first_row_finite) return;
  product.mostly_zero = true;
  run();
}

template <class T>
void affine_one_unit(Workspace<T>& ws, const Batch<T>& batch, const Layer& layer,
                     const MatrixView<const T>& x, const T* w, const T* b,
                     const ActivationForward<T>& act) {
  const Kernels<T>& k = kernels<T>();
  T* row = ws.transposed.data();  // (1, in)
  k.transpose(w, layer.stride, layer.in, 1, row, padded<T>(layer.in));
  for_each_row_block(
      ws.threads, batch.rows, double(layer.in), [&](std::size_t first, std::size_t rows) {
        T* z = act.a + first * layer.stride;  // (rows, 1)
        k.gemm_nt(rows, 1, layer.in, x.row(first), x.stride, row, 0, z, layer.stride);
        for (std::size_t i = 0; i < rows; ++i) {
          z[i * layer.stride] += b[0];
          // The activation goes over whole vectors: padding left as it was would grow for ever.
          std::fill_n(z + i * layer.stride + 1, layer.stride - 1, T(0));
        }
      });
  activate(ws, batch.rows, layer, act);
}

template <class T>
void affine_sparse(Workspace<T>& ws, const Batch<T>& batch, const Layer& layer,
                   const MatrixView<const T>&, const T* w, const T* b,
                   const ActivationForward<T>& act) {
  weighted_inputs_sparse(ws, batch, layer, w, b, act.a);
  activate(ws, batch.rows, layer, act);
}

// ---- propagate: below (n, in) = (delta (n, out) W^T) * act'(z) ------------------------------

// With so few rows, transposing W would cost more than the product.
constexpr std::size_t few_rows = 4;

template <class T>
void propagate_few_rows(Workspace<T>& ws, std::size_t n, const Layer& layer, const T* delta,
                        const T* w, const MatrixView<T>& below, const ActivationBackward<T>* act) {
  const double work = double(n) * double(layer.in) * double(layer.out);
  parallel_for(layer.in, cache_line, threads_for(work, ws.threads),
               [&](int, std::size_t begin, std::size_t end) {
                 kernels<T>().gemm_nt(n, end - begin, layer.out, delta, layer.stride,
                                      w + begin * layer.stride, layer.stride, below.data + begin,
                                      below.stride);
                 if (act) (*act)(below.data + begin, n, end - begin);
               });
}

// ---- weight_gradient: dw (in, out) = dw + scale * x^T (in, n) delta (n, out) ----------------

template <class T>
void weight_gradient_gemm(Workspace<T>& ws, const Batch<T>& batch, const Layer& layer,
                          const MatrixView<const T>& x, const T* delta, const GradientSink<T>& sink,
                          T* dw) {
  gemm<T>(ws, {.m = layer.in,
               .n = layer.out,
               .k = batch.rows,
               .a = x.data,
               .a_row = 1,
               .a_col = x.stride,
               .b = delta,
               .b_row = layer.stride,
               .c = dw,
               .c_row = layer.stride,
               .accumulate = !sink.overwrite,
               .scale = sink.scale});
}

// As delta^T x, (1, in): one row instead of a column.
template <class T>
void weight_gradient_one_unit(Workspace<T>& ws, const Batch<T>& batch, const Layer& layer,
                              const MatrixView<const T>& x, const T* delta,
                              const GradientSink<T>& sink, T* dw) {
  T* row = ws.transposed.data();  // (1, in)
  gemm<T>(ws, {.m = 1,
               .n = layer.in,
               .k = batch.rows,
               .a = delta,
               .a_row = 0,
               .a_col = layer.stride,
               .b = x.data,
               .b_row = x.stride,
               .c = row,
               .c_row = 0,
               .scale = sink.scale});
  for (std::size_t i = 0; i < layer.in; ++i) {
    T& to = dw[i * layer.stride];
    to = sink.overwrite ? row[i] : to + row[i];
  }
}

}  // namespace

template <class T>
void propagate_gemm(Workspace<T>& ws, std::size_t n, const Layer& layer, const T* delta, const T* w,
                    const MatrixView<T>& below, const ActivationBackward<T>* act) {
  T* transposed = ws.transposed.data();  // (out, in)
  kernels<T>().transpose(w, layer.stride, layer.in, layer.out, transposed, below.stride);
  const GemmArgs<T> product{.m = n,
                            .n = layer.in,
                            .k = layer.out,
                            .a = delta,
                            .a_row = layer.stride,
                            .a_col = 1,
                            .b = transposed,
                            .b_row = below.stride,
                            .c = below.data,
                            .c_row = below.stride};
  act ? gemm(ws, product, *act) : gemm(ws, product);
}

// ---- the choice ----------------------------------------------------------------------------

bool is_one_unit(const Layer& layer, std::size_t l) { return l > 0 && layer.out == 1; }

template <class T>
bool is_mostly_zero(const Inputs<T>& x) {
  const std::size_t step = std::min<std::size_t>((x.rows() + 15) / 16, 128);
  std::size_t nonzeros = 0, rows = 0;
  RowReader<T> row_of(x);
  for (std::size_t i = 0; i < x.rows(); i += step, ++rows) {
    nonzeros += kernels<T>().count_nonzeros(row_of(i), x.cols());
  }
  return pays_without_zeros(nonzeros, rows * x.cols());
}

template <class T>
void Plan<T>::choose(std::span<const Layer> layers, const InputDensity& inputs) {
  // Columns are laid out by a counting sort, which pays if they hold several entries each.
  constexpr double entries_per_column = 4;
  columns_from_ = entries_per_column * double(layers.front().in);
  layers_.resize(layers.size());
  largest_product_ = products_ = weights_ = 0;
  sparse_ = inputs.sparse;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const Layer& layer = layers[l];
    const double in = l == 0 ? inputs.stored / inputs.rows : double(layer.in);
    const double product = in * double(layer.out);
    largest_product_ = std::max(largest_product_, product);
    products_ += (l == 0 ? 2 : 3) * product;
    weights_ += double(layer.in) * double(layer.out);
    layers_[l] = is_one_unit(layer, l)
                     ? LayerProducts<T>{affine_one_unit<T>, weight_gradient_one_unit<T>}
                     : LayerProducts<T>{affine_gemm<T, false>, weight_gradient_gemm<T>};
  }
  choose_first(inputs.sparse, inputs.mostly_zero);
}

template <class T>
void Plan<T>::choose_first(bool sparse, bool mostly_zero) {
  LayerProducts<T>& first = layers_.front();
  if (sparse) {
    first = {affine_sparse<T>, weight_gradient_sparse<T>};
  } else {
    first = {mostly_zero ? affine_gemm<T, true> : affine_gemm<T, false>, weight_gradient_gemm<T>};
  }
}

// Threads that share dense products meet a dozen times a mini-batch, and each fetches the weights
// that others have changed from their caches. Both are counted in the multiply-adds that a core
// does meanwhile; about two fifths of the work are what a second thread can take off the first one.
// Threads that share sparse products keep parts of the weights for themselves, and meet seldom.
template <class T>
bool Plan<T>::deserves_threads(std::size_t rows) const {
  constexpr double meetings = 7e5, fetched_weight = 30, saved = 0.4;
  const double n = double(rows);
  if (sparse_) return largest_product_ * n >= 2 * pool_grain;
  return saved * products_ * n >= meetings + fetched_weight * weights_;
}

template <class T>
typename Plan<T>::Propagate Plan<T>::propagate(std::size_t n) const {
  return n <= few_rows ? propagate_few_rows<T> : propagate_gemm<T>;
}

#define NNCORE_INSTANTIATE(T)                                                                \
  template bool is_mostly_zero(const Inputs<T>&);                                            \
  template class Plan<T>;                                                                    \
  template void propagate_gemm(Workspace<T>&, std::size_t, const Layer&, const T*, const T*, \
                               const MatrixView<T>&, const ActivationBackward<T>*);
NNCORE_INSTANTIATE(float)
NNCORE_INSTANTIATE(double)
#undef NNCORE_INSTANTIATE

}  // namespace nncore
