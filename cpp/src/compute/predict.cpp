// Prediction and measuring: what can be asked of a network without changing it.
#include <algorithm>
#include <memory>
#include <optional>

#include "compute/backprop.hpp"
#include "data/check.hpp"
#include "nncore/network.hpp"
#include "nncore/predictor.hpp"
#include "threads/parallel.hpp"

namespace nncore {
namespace {

// Rows that go through the network together: few enough that a small layer's activations stay in
// L1 or L2, enough that its weights are read seldom.
constexpr std::size_t predict_block = 128;

// Calls body(workspace, first, rows) for each block of the rows, on as many threads as the work
// deserves. Each thread has a workspace of its own, which it keeps for the next call.
template <class T, class F>
void for_each_block(const Network<T>& network, const InputDensity& inputs, std::size_t rows,
                    Purpose purpose, F body) {
  double work = 0;
  for (const Layer& layer : network.layers()) work += double(layer.in) * double(layer.out);
  // A cost of the program's own is called on this thread, and may ask other networks.
  const bool own = purpose == Purpose::measure && network.architecture().cost == Cost::custom;
  const int threads = own ? 1 : threads_for(work * double(rows), share_of_threads());
  parallel_for(rows, predict_block, threads, [&](int, std::size_t begin, std::size_t end) {
    static thread_local Workspace<T> kept;
    std::optional<Workspace<T>> apart;
    Workspace<T>& ws = own ? apart.emplace() : kept;
    prepare(ws, network, inputs, std::min(predict_block, rows), purpose, 1);
    for (std::size_t first = begin; first < end; first += predict_block) {
      body(ws, first, std::min(predict_block, end - first));
    }
  });
}

template <class T>
void forward_rows(Workspace<T>& ws, const Network<T>& network, const Inputs<T>& x,
                  std::size_t first, std::size_t rows) {
  const Batch<T> batch = make_batch<T>(ws, network, {x, {}, {}}, {}, first, rows, Purpose::predict);
  forward(ws, network, batch, Purpose::predict);
}

// Sends the rows of x through the network, and calls take(workspace, first, rows) for each block of
// them. The block's activations are in the workspace then.
template <class T, class F>
void for_each_output_block(const Network<T>& network, const Inputs<T>& x, F take) {
  check_shapes(network, x);
  const typename Network<T>::ReadAccess access(network);
  for_each_block(network, measured_density(x), x.rows(), Purpose::predict,
                 [&](Workspace<T>& ws, std::size_t first, std::size_t rows) {
                   forward_rows(ws, network, x, first, rows);
                   take(ws, first, rows);
                 });
}

template <class T>
void copy_outputs(const Workspace<T>& ws, const Network<T>& network, std::size_t rows, T* out,
                  std::size_t out_row) {
  const T* a = ws.layers.back().a.data();
  const std::size_t stride = network.layers().back().stride;
  for (std::size_t i = 0; i < rows; ++i) {
    std::copy_n(a + i * stride, network.outputs(), out + i * out_row);
  }
}

template <class T>
std::int64_t class_of(const Network<T>& network, const T* outputs) {
  if (network.outputs() == 1) {
    const T threshold = network.layers().back().activation == Activation::tanh ? T(0) : T(0.5);
    return outputs[0] > threshold;
  }
  return std::max_element(outputs, outputs + network.outputs()) - outputs;
}

template <class T>
void classify(const Workspace<T>& ws, const Network<T>& network, std::size_t rows,
              std::int64_t* labels) {
  const T* a = ws.layers.back().a.data();
  const std::size_t stride = network.layers().back().stride;
  for (std::size_t i = 0; i < rows; ++i) labels[i] = class_of(network, a + i * stride);
}

bool has_classes(const Architecture& architecture) {
  if (!takes_labels(architecture.cost)) return false;
  if (architecture.sizes.back() > 1) return true;
  const Activation a = architecture.activations.back();
  return a == Activation::sigmoid || a == Activation::step || a == Activation::tanh;
}

void check_has_classes(const Architecture& architecture) {
  if (has_classes(architecture)) return;
  if (!takes_labels(architecture.cost)) {
    throw InvalidArgument(concat("outputs trained with the cost ", name(architecture.cost),
                                 " do not stand for classes; feedforward gives their values"));
  }
  throw InvalidArgument(concat("one ", name(architecture.activations.back()),
                               " output does not stand for classes; feedforward gives its value"));
}

}  // namespace

template <class T>
void Network<T>::feedforward(const Inputs<T>& x, MatrixView<T> out) const {
  check_out(out, x.rows(), outputs(), "out");
  for_each_output_block(*this, x, [&](const Workspace<T>& ws, std::size_t first, std::size_t rows) {
    copy_outputs(ws, *this, rows, out.row(first), out.stride);
  });
}

template <class T>
void Network<T>::activations(const Inputs<T>& x, std::span<const MatrixView<T>> out) const {
  if (out.size() != layers_.size()) {
    throw InvalidArgument(concat("out has ", out.size(), " matrices; expected ", layers_.size(),
                                 ", one a layer behind the inputs"));
  }
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    check_out(out[l], x.rows(), layers_[l].out, concat("out[", l, "]"));
  }
  for_each_output_block(*this, x, [&](const Workspace<T>& ws, std::size_t first, std::size_t rows) {
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      const T* a = ws.layers[l].a.data();
      for (std::size_t i = 0; i < rows; ++i) {
        std::copy_n(a + i * layers_[l].stride, layers_[l].out, out[l].row(first + i));
      }
    }
  });
}

template <class T>
void Network<T>::predict(const Inputs<T>& x, std::span<std::int64_t> labels) const {
  check_has_classes(architecture_);
  if (labels.size() != x.rows()) {
    throw InvalidArgument(
        concat("there is room for ", labels.size(), " labels; x has ", x.rows(), " rows"));
  }
  for_each_output_block(*this, x, [&](const Workspace<T>& ws, std::size_t first, std::size_t rows) {
    classify(ws, *this, rows, labels.data() + first);
  });
}

template <class T>
Evaluation Network<T>::evaluate(const Samples<T>& samples, double cost_epsilon) const {
  check_shapes(*this, samples);
  if (samples.rows() == 0) throw InvalidArgument("x has no rows; there is nothing to evaluate");
  const ReadAccess access(*this);
  // Summed block by block in the rows' order, whichever thread measured a block.
  struct Sums {
    double cost = 0, correct = 0, weight = 0;
  };
  std::vector<Sums> blocks((samples.rows() + predict_block - 1) / predict_block);
  const std::size_t stride = layers_.back().stride;
  const bool classes = samples.y.are_labels() && has_classes(architecture_);
  for_each_block(*this, stored_density(samples.x), samples.rows(), Purpose::measure,
                 [&](Workspace<T>& ws, std::size_t first, std::size_t rows) {
                   const Batch<T> batch =
                       make_batch<T>(ws, *this, samples, {}, first, rows, Purpose::measure);
                   forward(ws, *this, batch, Purpose::measure);
                   Sums& sums = blocks[first / predict_block];
                   sums.cost = cost_epsilon > 0 ? clipped_cost(ws, *this, batch, cost_epsilon)
                                                : summed_cost(ws, *this, batch);
                   sums.weight = batch.weight_sum;
                   if (!classes) return;
                   const T* a = ws.layers.back().a.data();
                   for (std::size_t i = 0; i < rows; ++i) {
                     if (class_of(*this, a + i * stride) == samples.y.labels[first + i]) {
                       sums.correct += batch.weights ? double(batch.weights[i]) : 1;
                     }
                   }
                 });
  Sums total;
  for (const Sums& sums : blocks) {
    total.cost += sums.cost;
    total.correct += sums.correct;
    total.weight += sums.weight;
  }
  Evaluation result{total.cost / total.weight, std::nullopt};
  if (classes) result.accuracy = total.correct / total.weight;
  return result;
}

template <class T>
Predictor<T>::Predictor(const Network<T>& network, std::size_t max_rows)
    : network_(&network), max_rows_(max_rows), workspace_(std::make_shared<Workspace<T>>()) {
  prepare(*workspace_, network, {}, max_rows, Purpose::predict, 1);
}

template <class T>
Predictor<T>::~Predictor() = default;

template <class T>
Predictor<T>::Predictor(Predictor&&) noexcept = default;

template <class T>
Predictor<T>& Predictor<T>::operator=(Predictor&&) noexcept = default;

template <class T>
void Predictor<T>::run(const Inputs<T>& x) {
  check_shapes(*network_, x);
  if (x.rows() > max_rows_) {
    throw InvalidArgument(
        concat("x has ", x.rows(), " rows; this predictor has room for ", max_rows_));
  }
  const typename Network<T>::ReadAccess access(*network_);
  if (x.rows() == 0) return;
  const InputDensity inputs = measured_density(x);
  workspace_->plan.choose_first(inputs.sparse, inputs.mostly_zero);
  forward_rows(*workspace_, *network_, x, 0, x.rows());
}

template <class T>
void Predictor<T>::feedforward(const Inputs<T>& x, MatrixView<T> out) {
  run(x);
  copy_outputs(*workspace_, *network_, x.rows(), out.data, out.stride);
}

template <class T>
void Predictor<T>::predict(const Inputs<T>& x, std::span<std::int64_t> labels) {
  check_has_classes(network_->architecture());
  run(x);
  classify(*workspace_, *network_, x.rows(), labels.data());
}

#define NNCORE_INSTANTIATE(T)                                                                    \
  template void Network<T>::feedforward(const Inputs<T>&, MatrixView<T>) const;                  \
  template void Network<T>::activations(const Inputs<T>&, std::span<const MatrixView<T>>) const; \
  template void Network<T>::predict(const Inputs<T>&, std::span<std::int64_t>) const;            \
  template Evaluation Network<T>::evaluate(const Samples<T>&, double) const;                     \
  template class Predictor<T>;
NNCORE_INSTANTIATE(float)
NNCORE_INSTANTIATE(double)
#undef NNCORE_INSTANTIATE

}  // namespace nncore
