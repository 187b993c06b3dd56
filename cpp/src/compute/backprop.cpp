#include "compute/backprop.hpp"

#include <algorithm>
#include <cmath>

#include "compute/sparse_layer.hpp"
#include "data/check.hpp"
#include "threads/parallel.hpp"

// Shapes: n = rows of the mini-batch; in, out = the layer's inputs and units. Rows of every buffer
// are padded to the stride of the layer whose units they are.

namespace nncore {
namespace {

// a = act(z) of layer l, and whether z is kept for those who need it afterwards.
template <class T>
ActivationForward<T> activation_forward(const Kernels<T>& k, const Workspace<T>& ws,
                                        const Network<T>& network, std::size_t l, Purpose purpose) {
  const Layer& layer = network.layers()[l];
  const LayerBuffers<T>& buffers = ws.layers[l];
  const auto& activation = k.activations[layer.activation];
  const bool last = l + 1 == network.layers().size();
  const bool keep_z =
      purpose != Purpose::predict &&
      (activation.needs_z || (last && k.costs[network.architecture().cost].needs_z));
  return {activation, layer.stride, buffers.a.data(), keep_z ? buffers.z.data() : nullptr};
}

// delta *= act'(z) of layer l.
template <class T>
ActivationBackward<T> activation_backward(const Kernels<T>& k, const Workspace<T>& ws,
                                          const Network<T>& network, std::size_t l,
                                          const Dropout* dropout) {
  const LayerBuffers<T>& buffers = ws.layers[l];
  return {k,
          network.layers()[l],
          buffers.a.data(),
          buffers.z.data(),
          drops(dropout, l + 1) ? buffers.mask.data() : nullptr,
          buffers.delta.data()};
}

CostParameters parameters_of(const Architecture& a) {
  return {a.cost_hyperparameters.data(), a.cost_list.data(), a.cost_list.size()};
}

// Whether the outputs of each target are put in order: quantiles that must not cross.
bool orders_outputs(const Architecture& a) {
  return a.cost == Cost::pinball && a.cost_hyperparameters[0] != 0;
}

template <class T>
void order_outputs(const Workspace<T>& ws, const Network<T>& network, std::size_t rows) {
  const Layer& last = network.layers().back();
  const std::size_t each = outputs_per_target(network.architecture());
  for (std::size_t i = 0; i < rows; ++i) {
    T* a = ws.layers.back().a.data() + i * last.stride;
    for (std::size_t j = 0; j < last.out; j += each) std::sort(a + j, a + j + each);
  }
}

// Costs and slopes of a batch by a function of the program's own.
template <class T>
void call_own_cost(Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch) {
  const CostFunction<T>& cost = network.cost_function();
  if (!cost) {
    throw InvalidArgument(
        "the network's cost is one of the program's own, which its file does not hold: hand it in "
        "again before training or measuring");
  }
  const Layer& last = network.layers().back();
  const std::size_t n = batch.rows;
  const MatrixView<T> slopes{ws.layers.back().delta.reserve(n * last.stride), n, last.out,
                             last.stride};
  cost({ws.layers.back().a.data(), n, last.out, last.stride}, batch.y, {ws.costs.reserve(n), n},
       slopes);
}

// BP1: delta (n, out) = dC/da * act'(z) of the last layer, each row times its weight.
template <class T>
void output_error(Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch) {
  const Layer& last = network.layers().back();
  const Cost cost = network.architecture().cost;
  const Kernels<T>& k = kernels<T>();
  const auto slope = k.costs[cost].slope;
  const CostParameters parameters = parameters_of(network.architecture());
  const ActivationBackward<T> act =
      activation_backward(k, ws, network, network.layers().size() - 1, nullptr);
  for (std::size_t i = 0; i < batch.rows; ++i) {
    const std::size_t row = i * last.stride;
    if (ws.given_slopes) {
      std::copy_n(batch.y.row(i), last.out, act.delta + row);
    } else {
      slope(parameters, act.z + row, act.a + row, batch.y.row(i), act.delta + row, last.out);
    }
  }
  if (ws.given_slopes || !is_canonical_only(cost)) act(act.delta, batch.rows, last.out);
  for (std::size_t i = 0; batch.weights && i < batch.rows; ++i) {
    T* delta = act.delta + i * last.stride;
    for (std::size_t j = 0; j < last.out; ++j) delta[j] *= batch.weights[i];
  }
}

// Prepares what a layer's gradient will be added to: zeros, or weights that have decayed. The
// weights of a sparse layer decay later, unless little would be left of them.
template <class T>
void begin_update(Workspace<T>& ws, const Layer& layer, bool sparse, const GradientSink<T>& sink) {
  if (sink.overwrite) {
    std::fill_n(sink.data + layer.biases_offset, layer.stride, T(0));
  } else if (sparse && sink.decay > 0.5) {
    ws.pending_decay.decay(sink.decay);
  } else if (sink.decay != 1) {
    T* w = sink.data + layer.weights_offset;
    const std::size_t size = layer.in * layer.stride;
    parallel_for(size, cache_line, threads_for(double(size), ws.threads),
                 [&](int, std::size_t begin, std::size_t end) {
                   kernels<T>().rescale(w + begin, static_cast<T>(sink.decay), end - begin);
                 });
  }
}

// The gradient of layer l, from its delta.
template <class T>
void add_gradient(Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch, std::size_t l,
                  const GradientSink<T>& sink) {
  const Layer& layer = network.layers()[l];
  const T* delta = ws.layers[l].delta.data();  // (n, out)
  T* dw = sink.data + layer.weights_offset;    // (in, out)
  T* db = sink.data + layer.biases_offset;     // (out)
  const GradientSink<T> of_weights = sink.of_weights(l);
  const double bias_rate = sink.rate(2 * l + 1);
  begin_update(ws, layer, l == 0 && batch.is_sparse, of_weights);
  if (bias_rate != 0) {
    kernels<T>().column_sums(delta, layer.stride, batch.rows, layer.out,
                             static_cast<T>(double(sink.scale) * bias_rate),
                             db);  // BP3: db += sums of delta
  }
  if (sink.rate(2 * l) == 0) return;
  ws.plan[l].weight_gradient(ws, batch, layer, ws.layers[l].x, delta, of_weights,
                             dw);  // BP4: dW += x^T delta
}

// forward from layer l on, which reads x (n, in).
template <class T>
void forward_from(std::size_t l, MatrixView<const T> x, Workspace<T>& ws, const Network<T>& network,
                  const Batch<T>& batch, Purpose purpose, const Dropout* dropout) {
  const Kernels<T>& k = kernels<T>();
  const T* parameters = network.parameters().data();
  for (; l < network.layers().size(); ++l) {
    const Layer& layer = network.layers()[l];
    const T* w = parameters + layer.weights_offset;  // (in, out)
    const T* b = parameters + layer.biases_offset;   // (out)
    const ActivationForward<T> act = activation_forward(k, ws, network, l, purpose);

    ws.layers[l].x = x;                                 // which backward reads
    ws.plan[l].affine(ws, batch, layer, x, w, b, act);  // a = act(x W + b)

    x = {act.a, batch.rows, layer.out, layer.stride};  // (n, out)
    if (drops(dropout, l + 1)) x = drop_units(ws, x, *dropout, l + 1);
  }
  if (orders_outputs(network.architecture())) order_outputs(ws, network, batch.rows);
}

}  // namespace

template <class T>
void forward(Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch, Purpose purpose,
             const Dropout* dropout) {
  forward_from(0, batch.x, ws, network, batch, purpose, dropout);
}

template <class T>
void backward(Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
              const GradientSink<T>& sink, const Dropout* dropout) {
  const Kernels<T>& k = kernels<T>();
  const std::size_t n = batch.rows;
  const std::size_t first = sink.first_layer(network.layers().size());  // those below stay
  output_error(ws, network, batch);  // BP1: delta = dC/da * act'(z)

  for (std::size_t l = network.layers().size(); l-- > first;) {
    const Layer& layer = network.layers()[l];
    const T* w = network.parameters().data() + layer.weights_offset;  // (in, out)
    const T* delta = ws.layers[l].delta.data();                       // (n, out)

    if (l > first) {  // BP2: delta below = (delta W^T) * act'(z)
      const ActivationBackward<T> act = activation_backward(k, ws, network, l - 1, dropout);
      const MatrixView<T> below{act.delta, n, layer.in, act.layer.stride};  // (n, in)
      ws.plan.propagate(batch.whole > 0 ? batch.whole : n)(ws, n, layer, delta, w, below, &act);
    }
    if (sink.data) add_gradient(ws, network, batch, l, sink);  // BP3, BP4
  }
}

template <class T>
void add_gradients(Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
                   const GradientSink<T>& sink) {
  const std::size_t layers = network.layers().size(), first = sink.first_layer(layers);
  for (std::size_t l = layers; l-- > first;) add_gradient(ws, network, batch, l, sink);
}

namespace {

// The workspaces for pass_by_rows; none where that is not worth while.
template <class T>
void prepare_row_parts(Workspace<T>& ws, const Network<T>& network, const InputDensity& inputs,
                       std::size_t rows) {
  // Every thread reads the weights above the first layer, and lays them out for the way back.
  constexpr std::size_t most_bytes_above = std::size_t{64} << 10;
  const auto layers = network.layers();
  const std::size_t first_size = layers[0].biases_offset + layers[0].stride;
  const bool shares = inputs.sparse && ws.threads > 1 && ws.plan.deserves_threads(rows) &&
                      rows > 1 && network.architecture().cost != Cost::custom &&
                      (network.parameters().size() - first_size) * sizeof(T) <= most_bytes_above;
  const std::size_t parts = shares ? std::min(rows, std::size_t(ws.threads)) : 0;
  ws.row_parts.resize(parts);
  if (parts == 0) return;
  ws.rows_of_part = (rows + parts - 1) / parts;
  ws.costs_of_rows.resize(rows);
  std::size_t transposed = 0;
  for (std::size_t l = 1; l < layers.size(); ++l) {
    transposed = std::max(transposed, layers[l].out * padded<T>(layers[l].in));
  }
  for (std::size_t i = 0; i < parts; ++i) {
    Workspace<T>& part = ws.row_parts[i];
    const std::size_t first = std::min(rows, i * ws.rows_of_part);
    part.plan = ws.plan;
    part.panel_size = ws.panel_size;
    part.panels.reserve(ws.panel_size);
    part.transposed.reserve(transposed);
    part.layers.resize(layers.size());
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const std::size_t begin = first * layers[l].stride;
      part.layers[l].a = ws.layers[l].a.from(begin);
      part.layers[l].z = ws.layers[l].z.from(begin);
      part.layers[l].delta = ws.layers[l].delta.from(begin);
    }
    part.row_costs = ws.costs_of_rows.data() + first;
  }
}

}  // namespace

template <class T>
void prepare(Workspace<T>& ws, const Network<T>& network, const InputDensity& inputs,
             std::size_t rows, Purpose purpose, int threads) {
  const auto layers = network.layers();
  ws.plan.choose(layers, inputs);
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
  if (purpose == Purpose::train) prepare_row_parts(ws, network, inputs, rows);
}

namespace {

// The weighted sum over the rows of what one of them costs, cost_of(z, a, y) of its units.
template <class T, class F>
double sum_over_rows(const Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
                     F cost_of) {
  const std::size_t stride = network.layers().back().stride;
  const LayerBuffers<T>& out = ws.layers.back();
  double total = 0;
  for (std::size_t i = 0; i < batch.rows; ++i) {
    const std::size_t row = i * stride;
    const double cost = cost_of(out.z.data() + row, out.a.data() + row, batch.y.row(i));
    const double weighted = batch.weights ? static_cast<double>(batch.weights[i]) * cost : cost;
    if (ws.row_costs) ws.row_costs[i] = weighted;
    total += weighted;
  }
  return total;
}

}  // namespace

template <class T>
double summed_cost(Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch) {
  const Architecture& architecture = network.architecture();
  if (architecture.cost == Cost::custom) {
    call_own_cost(ws, network, batch);
    const T* costs = ws.costs.data();
    return sum_over_rows(ws, network, batch,
                         [&](const T*, const T*, const T*) { return double(*costs++); });
  }
  const std::size_t units = network.layers().back().out;
  const auto value = kernels<T>().costs[architecture.cost].value;
  const CostParameters parameters = parameters_of(architecture);
  return sum_over_rows(ws, network, batch, [&](const T* z, const T* a, const T* y) {
    return value(parameters, z, a, y, units);
  });
}

template <class T>
double clipped_cost(const Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
                    double epsilon) {
  const std::size_t units = network.layers().back().out;
  const Cost cost = network.architecture().cost;
  const auto value = kernels<T>().costs[cost].value;
  const CostParameters parameters = parameters_of(network.architecture());
  const double low = -std::log1p(-epsilon), high = -std::log(epsilon);
  return sum_over_rows(ws, network, batch, [&](const T* z, const T* a, const T* y) {
    const double whole = value(parameters, z, a, y, units);
    if (cost == Cost::log_likelihood) {
      return std::isnan(whole) ? whole : std::clamp(whole, low, high);
    }
    if (!(whole > high / 2)) return whole;  // no unit alone costs more than all together
    double total = 0;
    for (std::size_t j = 0; j < units; ++j) {
      // In T, for near 1 the rounding of an output is a part of what it costs.
      const T p = std::clamp(T(1) / (T(1) + std::exp(-z[j])), static_cast<T>(epsilon),
                             static_cast<T>(1 - epsilon));
      const auto target = static_cast<double>(y[j]);
      total -= target * std::log(static_cast<double>(p)) +
               (1 - target) * std::log(static_cast<double>(T(1) - p));
    }
    return total;
  });
}

template <class T>
double batch_cost(Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
                  double epsilon) {
  if (ws.given_slopes) return 0;
  return epsilon > 0 ? clipped_cost(ws, network, batch, epsilon) : summed_cost(ws, network, batch);
}

template <class T>
bool passes_by_rows(const Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
                    const Dropout* dropout) {
  return !ws.row_parts.empty() && batch.is_sparse && !dropout && batch.rows > ws.rows_of_part &&
         threads_for_sparse(ws, batch, network.layers().front()) > 1;
}

template <class T>
double pass_by_rows(Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
                    double epsilon) {
  const Kernels<T>& k = kernels<T>();
  const Layer& first = network.layers().front();
  const T* parameters = network.parameters().data();
  weighted_inputs_in_parts(ws, batch, first, parameters + first.weights_offset,
                           parameters + first.biases_offset, ws.layers[0].a.data());
  ws.layers[0].x = batch.x;  // all of which add_gradients reads
  for (std::size_t l = 1; l < network.layers().size(); ++l) {
    const Layer& layer = network.layers()[l - 1];
    ws.layers[l].x = {ws.layers[l - 1].a.data(), batch.rows, layer.out, layer.stride};
  }
  const auto pass_part = [&](std::size_t i) {
    const std::size_t begin = i * ws.rows_of_part;
    if (begin >= batch.rows) return;
    Workspace<T>& part = ws.row_parts[i];
    part.given_slopes = ws.given_slopes;
    Batch<T> rows;
    rows.whole = batch.rows;
    rows.rows = std::min(ws.rows_of_part, batch.rows - begin);
    rows.y = {batch.y.row(begin), rows.rows, batch.y.cols, batch.y.stride};
    rows.weights = batch.weights ? batch.weights + begin : nullptr;
    const ActivationForward<T> act = activation_forward(k, part, network, 0, Purpose::train);
    k.add(act.a, ws.sums.data() + begin * first.stride, rows.rows * first.stride);
    act(act.a, rows.rows, first.out);
    forward_from(1, {act.a, rows.rows, first.out, first.stride}, part, network, rows,
                 Purpose::train, nullptr);
    batch_cost(part, network, rows, epsilon);
    backward(part, network, rows, {}, nullptr);
  };
  for_each_task(ws.row_parts.size(), ws.threads, [&](std::size_t i, std::size_t) { pass_part(i); });
  if (ws.given_slopes) return 0;
  double total = 0;
  for (std::size_t i = 0; i < batch.rows; ++i) total += ws.costs_of_rows[i];
  return total;
}

template <class T>
void input_delta(Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
                 MatrixView<T> out) {
  const Layer& first = network.layers().front();
  const std::size_t stride = padded<T>(first.in);
  const MatrixView<T> dx{ws.x.reserve(batch.rows * stride), batch.rows, first.in, stride};
  propagate_gemm<T>(ws, batch.rows, first, ws.layers[0].delta.data(),
                    network.parameters().data() + first.weights_offset, dx, nullptr);
  for (std::size_t i = 0; i < batch.rows; ++i) std::copy_n(dx.row(i), first.in, out.row(i));
}

template <class T>
double penalty_cost(const Network<T>& network, double l2, double l1) {
  double squares = 0, absolutes = 0;
  for (const Layer& layer : network.layers()) {
    const T* w = network.parameters().data();
    for (std::size_t i = layer.weights_offset; i < layer.biases_offset; ++i) {
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
          concat("a network with ", name(layer.activation),
                 " units cannot be trained: its slope is zero wherever it is defined, so no "
                 "gradient reaches the weights; use sigmoid units instead"));
    }
  }
}

#define NNCORE_INSTANTIATE(T)                                                                    \
  template void prepare(Workspace<T>&, const Network<T>&, const InputDensity&, std::size_t,      \
                        Purpose, int);                                                           \
  template void forward(Workspace<T>&, const Network<T>&, const Batch<T>&, Purpose,              \
                        const Dropout*);                                                         \
  template double summed_cost(Workspace<T>&, const Network<T>&, const Batch<T>&);                \
  template double clipped_cost(const Workspace<T>&, const Network<T>&, const Batch<T>&, double); \
  template double batch_cost(Workspace<T>&, const Network<T>&, const Batch<T>&, double);         \
  template void backward(Workspace<T>&, const Network<T>&, const Batch<T>&,                      \
                         const GradientSink<T>&, const Dropout*);                                \
  template void add_gradients(Workspace<T>&, const Network<T>&, const Batch<T>&,                 \
                              const GradientSink<T>&);                                           \
  template bool passes_by_rows(const Workspace<T>&, const Network<T>&, const Batch<T>&,          \
                               const Dropout*);                                                  \
  template double pass_by_rows(Workspace<T>&, const Network<T>&, const Batch<T>&, double);       \
  template double penalty_cost(const Network<T>&, double, double);                               \
  template void check_trainable(const Network<T>&);                                              \
  template void input_delta(Workspace<T>&, const Network<T>&, const Batch<T>&, MatrixView<T>);
NNCORE_INSTANTIATE(float)
NNCORE_INSTANTIATE(double)
#undef NNCORE_INSTANTIATE

}  // namespace nncore
