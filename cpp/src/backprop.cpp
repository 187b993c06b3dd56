#include "backprop.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "check.hpp"
#include "parallel.hpp"
#include "sparse_layer.hpp"

// Shapes: n = rows of the mini-batch; rows of every buffer are padded to the layer's stride.

namespace nncore {
namespace {

// With so few rows, transposing W on the way back would cost more than the product.
constexpr std::size_t few_rows = 4;

// A product, cut over whichever side of C is longer; no sum is ever cut.
template <class T>
void multiply(Workspace<T>& ws, const Product<T>& product) {
  constexpr std::size_t line = cache_line / sizeof(T);
  const double work = double(product.m) * double(product.n) * double(product.k);
  const int threads = threads_for(work, ws.threads);
  const auto run = [&](int part, const Product<T>& p) {
    kernels<T>().matmul(p, ws.panels.data() + static_cast<std::size_t>(part) * ws.panel_size);
  };
  if (product.m >= product.n) {
    parallel_for(product.m, 12, threads, [&](int part, std::size_t begin, std::size_t end) {
      Product<T> p = product;
      p.m = end - begin;
      p.a += begin * p.a_row;
      p.c += begin * p.c_row;
      run(part, p);
    });
  } else {
    parallel_for(product.n, 2 * line, threads, [&](int part, std::size_t begin, std::size_t end) {
      Product<T> p = product;
      p.n = end - begin;
      p.b += begin;
      p.c += begin;
      if (p.bias) p.bias += begin;
      run(part, p);
    });
  }
}

// The same; then(block, m, n) follows for every block of C as soon as it is done.
template <class T, class Then>
void multiply(Workspace<T>& ws, Product<T> product, const Then& then) {
  product.context = &then;
  product.then = [](const void* context, T* block, std::size_t m, std::size_t n) {
    (*static_cast<const Then*>(context))(block, m, n);
  };
  multiply(ws, product);
}

// a = act(z), z being a's own content and kept apart where somebody needs it.
template <class T>
struct Activate {
  const typename Kernels<T>::ActivationKernels& kernels;
  std::size_t stride;
  T *a, *z;
  std::atomic<bool>* first_row_finite;  // of z; null where nobody asks

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

// delta *= act'(z), and what dropout has left of the unit.
template <class T>
struct Descend {
  const Kernels<T>& kernels;
  const Layer& layer;
  const typename Workspace<T>::LayerBuffers& buffers;
  bool dropped;

  void operator()(T* block, std::size_t m, std::size_t n) const {
    const std::ptrdiff_t at = block - buffers.delta.data();
    for (std::size_t i = 0; dropped && i < m; ++i) {
      const std::size_t row = i * layer.stride;
      kernels.multiply(block + row, buffers.mask.data() + at + row, n);
    }
    kernels.activations[static_cast<std::size_t>(layer.activation)].multiply_slope(
        buffers.z.data() + at, buffers.a.data() + at, block, layer.stride, m, n);
  }
};

// A layer of one unit, fed by another layer: its products are dot products with its weights,
// which lie in a column of W; a tile would compute a whole line of columns for the one.
bool is_one_unit(const Layer& layer, std::size_t l) { return l > 0 && layer.out == 1; }

// z (n, 1) = a (n, in) w + b
template <class T>
void weigh(Workspace<T>& ws, std::size_t n, const Layer& layer, const T* w, const T* b, const T* a,
           std::size_t a_row, T* z) {
  const Kernels<T>& k = kernels<T>();
  T* row = ws.transposed.data();
  k.transpose(w, layer.stride, layer.in, 1, row, padded<T>(layer.in));
  over_rows(ws.threads, n, double(layer.in), [&](std::size_t first, std::size_t rows) {
    T* to = z + first * layer.stride;
    k.matmul_rows(rows, 1, layer.in, a + first * a_row, a_row, row, 0, to, layer.stride);
    for (std::size_t i = 0; i < rows; ++i) {
      to[i * layer.stride] += b[0];
      // The activation goes over whole vectors: padding left as it was would grow without bound.
      std::fill_n(to + i * layer.stride + 1, layer.stride - 1, T(0));
    }
  });
}

// dw (in, 1) = delta (n, 1)^T a (n, in)
template <class T>
void gather_gradient(Workspace<T>& ws, std::size_t n, const Layer& layer, const T* delta,
                     const T* a, std::size_t a_row, const Destination<T>& destination, T* dw) {
  T* row = ws.transposed.data();
  multiply<T>(ws, {.m = 1,
                   .n = layer.in,
                   .k = n,
                   .a = delta,
                   .a_row = 0,
                   .a_col = layer.stride,
                   .b = a,
                   .b_row = a_row,
                   .c = row,
                   .c_row = 0,
                   .scale = destination.scale});
  for (std::size_t i = 0; i < layer.in; ++i) {
    T& to = dw[i * layer.stride];
    to = destination.overwrite ? row[i] : to + row[i];
  }
}

}  // namespace

template <class T>
void prepare(Workspace<T>& ws, const Network<T>& network, std::size_t rows, Purpose purpose,
             int threads) {
  const auto layers = network.layers();
  ws.layers.resize(layers.size());
  ws.threads = threads;
  std::size_t transposed = 0, widest = 0, deepest = rows;
  for (const Layer& layer : layers) {
    widest = std::max({widest, layer.stride, padded<T>(layer.in)});
    deepest = std::max({deepest, layer.in, layer.out});
  }
  check_countable<T>(rows, widest);
  ws.panel_size =
      std::min(panel_elements, std::min(sum_block, deepest) * std::min(panel_elements, widest));
  ws.panels.reserve(ws.panel_size * static_cast<std::size_t>(ws.threads));
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const std::size_t size = rows * layers[l].stride;
    ws.layers[l].a.reserve(size);
    if (is_one_unit(layers[l], l)) transposed = std::max(transposed, padded<T>(layers[l].in));
    if (purpose == Purpose::predict) continue;
    ws.layers[l].z.reserve(size);
    if (purpose == Purpose::measure) continue;
    ws.layers[l].delta.reserve(size);
    transposed = std::max(transposed, layers[l].out * padded<T>(layers[l].in));
  }
  ws.sums.reserve(rows * layers.front().stride);
  ws.transposed.reserve(transposed);
  if (purpose != Purpose::predict) ws.y.reserve(rows * layers.back().stride);
}

template <class T>
void forward(Workspace<T>& ws, const Network<T>& network, Batch<T>& batch, Purpose purpose,
             const Dropout* dropout) {
  const Kernels<T>& k = kernels<T>();
  const std::size_t n = batch.rows;
  if (drops(dropout, 0)) drop_inputs(ws, batch, network.inputs(), *dropout);
  if (purpose == Purpose::train) lay_out_columns(ws, batch, network.inputs());

  const T* input = batch.x;
  std::size_t input_row = batch.x_row;
  for (std::size_t l = 0; l < network.layers().size(); ++l) {
    const Layer& layer = network.layers()[l];
    const std::size_t size = n * layer.stride;
    const T* w = network.parameters().data() + layer.weights;  // (in, out)
    const T* b = network.parameters().data() + layer.biases;   // (out)
    typename Workspace<T>::LayerBuffers& buffers = ws.layers[l];
    T* a = buffers.a.data();  // (n, out)

    // a = act(a[l-1] W^T + b)
    const bool last = l + 1 == network.layers().size();
    const auto& activation = k.activations[static_cast<std::size_t>(layer.activation)];
    const bool keep_z =
        purpose != Purpose::predict &&
        (activation.needs_z ||
         (last && k.costs[static_cast<std::size_t>(network.architecture().cost)].needs_z));
    std::atomic<bool> first_row_finite{true};
    const Activate<T> activate{activation, layer.stride, a, keep_z ? buffers.z.data() : nullptr,
                               n > 1 ? &first_row_finite : nullptr};
    const auto activate_rows = [&] {
      over_rows(ws.threads, n, double(layer.out) * 16, [&](std::size_t first, std::size_t rows) {
        activate(a + first * layer.stride, rows, layer.out);
      });
    };
    const bool sparse = l == 0 && batch.is_sparse, one_unit = is_one_unit(layer, l);
    if (sparse) {
      weigh_sparse(ws, batch, layer, w, b, a);
      activate_rows();
    } else if (one_unit) {
      weigh(ws, n, layer, w, b, input, input_row, a);
      activate_rows();
    } else {
      Product<T> product{.m = n,
                         .n = layer.out,
                         .k = layer.in,
                         .a = input,
                         .a_row = input_row,
                         .a_col = 1,
                         .b = w,
                         .b_row = layer.stride,
                         .c = a,
                         .c_row = layer.stride,
                         .bias = b,
                         .mostly_zero = l == 0 && batch.mostly_zero};
      const auto run = [&] {
        activation.elementwise ? multiply(ws, product, activate) : multiply(ws, product);
        if (!activation.elementwise) activate_rows();
      };
      run();
      // A row alone leaves out its zeros. With a weight that is not finite that shows: 0 times it
      // is NaN, which a tile then has in every row. So all rows leave out their zeros then.
      if (!first_row_finite && !product.mostly_zero) {
        product.mostly_zero = true;
        run();
      }
    }

    input = a;
    input_row = layer.stride;
    if (!last && drops(dropout, l + 1)) {
      T* mask = buffers.mask.reserve(size);
      T* dropped = buffers.dropped.reserve(size);
      draw_mask(mask, layer.stride, n, layer.out, *dropout, l + 1, ws.threads);
      std::copy_n(a, size, dropped);
      k.multiply(dropped, mask, size);
      input = dropped;
    }
  }
}

template <class T>
double summed_cost(const Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch) {
  const Layer& last = network.layers().back();
  const auto value =
      kernels<T>().costs[static_cast<std::size_t>(network.architecture().cost)].value;
  const typename Workspace<T>::LayerBuffers& out = ws.layers.back();
  double total = 0;
  for (std::size_t i = 0; i < batch.rows; ++i) {
    const std::size_t row = i * last.stride;
    const double cost = value(out.z.data() + row, out.a.data() + row, batch.y + row, last.out);
    total += batch.weights ? static_cast<double>(batch.weights[i]) * cost : cost;
  }
  return total;
}

template <class T>
void backward(Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
              const Destination<T>& destination, const Dropout* dropout) {
  const Kernels<T>& k = kernels<T>();
  const std::size_t n = batch.rows;
  const auto layers = network.layers();

  // delta[L] = dC/da * act'(z)                                         (n, out)
  {
    const Layer& last = layers.back();
    const typename Workspace<T>::LayerBuffers& out = ws.layers.back();
    const Cost cost = network.architecture().cost;
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t row = i * last.stride;
      T* delta = out.delta.data() + row;
      k.costs[static_cast<std::size_t>(cost)].slope(out.a.data() + row, batch.y + row, delta,
                                                    last.out);
      if (!is_canonical_only(cost)) {
        k.activations[static_cast<std::size_t>(last.activation)].multiply_slope(
            out.z.data() + row, out.a.data() + row, delta, last.stride, 1, last.out);
      }
      if (batch.weights) {
        for (std::size_t j = 0; j < last.out; ++j) delta[j] *= batch.weights[i];
      }
    }
  }

  for (std::size_t l = layers.size(); l-- > 0;) {
    const Layer& layer = layers[l];
    const T* delta = ws.layers[l].delta.data();
    const T* w = network.parameters().data() + layer.weights;  // (in, out)

    // delta[l-1] = (delta[l] W[l]) * act'(z[l-1])                      (n, in)
    if (l > 0) {
      const Layer& below = layers[l - 1];
      T* below_delta = ws.layers[l - 1].delta.data();
      const Descend<T> descend{k, below, ws.layers[l - 1], drops(dropout, l)};
      if (n <= few_rows) {
        const double work = double(n) * double(layer.in) * double(layer.out);
        parallel_for(layer.in, cache_line, threads_for(work, ws.threads),
                     [&](int, std::size_t begin, std::size_t end) {
                       k.matmul_rows(n, end - begin, layer.out, delta, layer.stride,
                                     w + begin * layer.stride, layer.stride, below_delta + begin,
                                     below.stride);
                       descend(below_delta + begin, n, end - begin);
                     });
      } else {
        T* transposed = ws.transposed.data();  // (out, in)
        k.transpose(w, layer.stride, layer.in, layer.out, transposed, below.stride);
        const Product<T> product{.m = n,
                                 .n = layer.in,
                                 .k = layer.out,
                                 .a = delta,
                                 .a_row = layer.stride,
                                 .a_col = 1,
                                 .b = transposed,
                                 .b_row = below.stride,
                                 .c = below_delta,
                                 .c_row = below.stride};
        multiply(ws, product, descend);
      }
    }
    if (!destination.data) continue;

    // dW[l] = delta[l]^T a[l-1], db[l] = colsum(delta[l])
    T scale = destination.scale;
    T* dw = destination.data + layer.weights;  // (in, out)
    T* db = destination.data + layer.biases;   // (out)
    const bool sparse = l == 0 && batch.is_sparse;
    if (destination.overwrite) {
      std::fill_n(db, layer.stride, T(0));
    } else if (sparse && destination.decay > 0.5) {
      ws.input_scale *= destination.decay;
    } else if (destination.decay != 1) {
      const std::size_t size = layer.in * layer.stride;
      parallel_for(size, cache_line, threads_for(double(size), ws.threads),
                   [&](int, std::size_t begin, std::size_t end) {
                     k.rescale(dw + begin, static_cast<T>(destination.decay), end - begin);
                   });
    }
    k.column_sums(delta, layer.stride, n, layer.out, scale, db);
    if (sparse) {
      scale = static_cast<T>(scale / ws.input_scale);
      k.rescale(ws.layers[0].delta.data(), scale, n * layer.stride);  // its last use
      sparse_gradient(ws, batch, layer, delta, dw, destination.overwrite);
      continue;
    }
    const bool drop = l > 0 && drops(dropout, l);
    const T* input = l == 0 ? batch.x
                     : drop ? ws.layers[l - 1].dropped.data()
                            : ws.layers[l - 1].a.data();
    const std::size_t input_row = l == 0 ? batch.x_row : layers[l - 1].stride;
    if (is_one_unit(layer, l)) {
      gather_gradient(ws, n, layer, delta, input, input_row, destination, dw);
      continue;
    }
    multiply<T>(ws, {.m = layer.in,
                     .n = layer.out,
                     .k = n,
                     .a = input,
                     .a_row = 1,
                     .a_col = input_row,
                     .b = delta,
                     .b_row = layer.stride,
                     .c = dw,
                     .c_row = layer.stride,
                     .accumulate = !destination.overwrite,
                     .scale = scale});
  }
}

template <class T>
void input_delta(Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
                 MatrixView<T> out) {
  const Layer& layer = network.layers().front();
  const std::size_t stride = padded<T>(layer.in);
  const T* w = network.parameters().data() + layer.weights;
  T* transposed = ws.transposed.data();
  kernels<T>().transpose(w, layer.stride, layer.in, layer.out, transposed, stride);
  T* dx = ws.x.reserve(batch.rows * stride);
  multiply<T>(ws, {.m = batch.rows,
                   .n = layer.in,
                   .k = layer.out,
                   .a = ws.layers[0].delta.data(),
                   .a_row = layer.stride,
                   .a_col = 1,
                   .b = transposed,
                   .b_row = stride,
                   .c = dx,
                   .c_row = stride});
  for (std::size_t i = 0; i < batch.rows; ++i) std::copy_n(dx + i * stride, layer.in, out.row(i));
}

template <class T>
void settle(Workspace<T>& ws, Network<T>& network) {
  if (ws.input_scale == 1) return;
  const Layer& layer = network.layers().front();
  kernels<T>().rescale(network.parameters().data() + layer.weights, static_cast<T>(ws.input_scale),
                       layer.in * layer.stride);
  ws.input_scale = 1;
}

template <class T>
double penalty_cost(const Network<T>& network, double l2, double l1) {
  double squares = 0, absolutes = 0;
  for (const Layer& layer : network.layers()) {
    const T* w = network.parameters().data();
    for (std::size_t i = layer.weights; i < layer.biases; ++i) {
      squares += double(w[i]) * double(w[i]);
      absolutes += std::abs(double(w[i]));
    }
  }
  return 0.5 * l2 * squares + l1 * absolutes;
}

template <class T>
void check_trainable(const Network<T>& network) {
  for (const Layer& layer : network.layers()) {
    if (!is_trainable(layer.activation)) {
      throw InvalidArgument(
          text("a network with ", name(layer.activation),
               " units cannot be trained: its slope is zero wherever it is defined, so no "
               "gradient reaches the weights; use sigmoid units instead"));
    }
  }
}

#define NNCORE_INSTANTIATE(T)                                                                      \
  template void prepare(Workspace<T>&, const Network<T>&, std::size_t, Purpose, int);              \
  template void forward(Workspace<T>&, const Network<T>&, Batch<T>&, Purpose, const Dropout*);     \
  template double summed_cost(const Workspace<T>&, const Network<T>&, const Batch<T>&);            \
  template void backward(Workspace<T>&, const Network<T>&, const Batch<T>&, const Destination<T>&, \
                         const Dropout*);                                                          \
  template void settle(Workspace<T>&, Network<T>&);                                                \
  template double penalty_cost(const Network<T>&, double, double);                                 \
  template void check_trainable(const Network<T>&);                                                \
  template void input_delta(Workspace<T>&, const Network<T>&, const Batch<T>&, MatrixView<T>);
NNCORE_INSTANTIATE(float)
NNCORE_INSTANTIATE(double)
#undef NNCORE_INSTANTIATE

}  // namespace nncore
