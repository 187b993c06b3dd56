#include "nncore/network.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "compute/backprop.hpp"
#include "data/check.hpp"
#include "model/hyperparameters.hpp"
#include "model/initializers.hpp"
#include "model/parameter_access.hpp"
#include "model/random.hpp"
#include "model/visit.hpp"
#include "threads/parallel.hpp"

namespace nncore {
namespace {

// Rows that go through the network together when gradients are summed over a data set.
constexpr std::size_t gradient_block = 1024;

template <class T>
std::vector<Layer> lay_out(const Architecture& architecture) {
  std::vector<Layer> layers;
  std::size_t offset = 0;
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max() / sizeof(T) / 4;
  for (std::size_t l = 0; l + 1 < architecture.sizes.size(); ++l) {
    const std::size_t in = architecture.sizes[l], out = architecture.sizes[l + 1];
    if (out > most - 512 || in + 1 > (most - offset) / (out + 512)) {
      throw InvalidArgument(
          concat("a layer of ", in, " by ", out, " weights does not fit into memory"));
    }
    const std::size_t stride = padded<T>(out);
    layers.push_back({in, out, stride, offset, offset + in * stride, architecture.activations[l]});
    offset += (in + 1) * stride;
  }
  return layers;
}

// What a cost asks of its numbers, and of the outputs.
void check_cost(const Architecture& a) {
  const Cost cost = a.cost;
  check_ranges(cost, with_defaults(cost, a.cost_hyperparameters));
  const std::vector<double>& list = a.cost_list;
  const std::size_t outputs = a.sizes.back();
  if (!list.empty() && list_name(cost).empty()) {
    throw InvalidArgument(
        concat("the cost ", name(cost), " takes no list of numbers; there are ", list.size()));
  }
  if (cost == Cost::pinball) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      const double low = i == 0 ? 0 : list[i - 1];
      if (list[i] > low && list[i] < 1) continue;
      throw InvalidArgument(concat("quantile ", i, " is ", list[i], "; expected a number above ",
                                   low, " and less than 1: quantiles ascend"));
    }
    const bool ordered = !a.cost_hyperparameters.empty() && a.cost_hyperparameters[0] != 0;
    if (ordered && a.activations.back() != Activation::linear) {
      throw InvalidArgument(concat("quantiles that do not cross need linear outputs, not ",
                                   name(a.activations.back())));
    }
  } else if (!list.empty()) {
    const std::size_t classes = outputs == 1 ? 2 : outputs;
    if (list.size() != classes) {
      throw InvalidArgument(concat("there are ", list.size(), " ", list_name(cost), "; expected ",
                                   classes, ", one for each class"));
    }
    for (const double weight : list) {
      if (weight >= 0 && std::isfinite(weight)) continue;
      throw InvalidArgument(
          concat("a class weighs ", weight, "; expected a finite number, 0 or more"));
    }
  }
  const std::size_t each = outputs_per_target(a);
  if (outputs % each != 0) {
    throw InvalidArgument(concat("the network has ", outputs, " outputs; the cost ", name(cost),
                                 " takes ", each, " for each target"));
  }
}

}  // namespace

std::size_t outputs_per_target(const Architecture& architecture) noexcept {
  if (architecture.cost == Cost::gaussian) return 2;
  if (architecture.cost != Cost::pinball || architecture.cost_list.empty()) return 1;
  return architecture.cost_list.size();
}

void check(const Architecture& architecture) {
  const std::size_t layers = architecture.sizes.size();
  if (layers < 2) {
    throw InvalidArgument(
        concat("sizes has ", layers, " layers; expected two or more, the inputs and the outputs"));
  }
  for (std::size_t l = 0; l < layers; ++l) {
    if (architecture.sizes[l] < 1) {
      throw InvalidArgument(concat("layer ", l, " has size 0; expected 1 or more"));
    }
  }
  if (architecture.activations.size() != layers - 1) {
    throw InvalidArgument(concat("there are ", architecture.activations.size(),
                                 " activations; expected ", layers - 1,
                                 ", one for every layer but the inputs"));
  }
  for (std::size_t l = 0; l + 2 < layers; ++l) {
    if (architecture.activations[l] == Activation::softmax) {
      throw InvalidArgument(
          concat("layer ", l + 1, " is hidden and cannot be softmax, which is for outputs only"));
    }
  }
  const Activation output = architecture.activations.back();
  const std::vector<Activation> legal = output_activations(architecture.cost);
  if (std::find(legal.begin(), legal.end(), output) == legal.end()) {
    std::string known;
    for (const Activation a : legal) known += (known.empty() ? "" : ", ") + std::string(name(a));
    throw InvalidArgument(concat("the cost ", name(architecture.cost),
                                 " does not go with the output activation ", name(output),
                                 "; expected one of ", known));
  }
  check_cost(architecture);
}

template <class T>
Network<T>::Network(Architecture architecture, std::uint64_t seed)
    : architecture_(std::move(architecture)), seed_(seed) {
  check(architecture_);
  architecture_.cost_hyperparameters =
      with_defaults(architecture_.cost, std::move(architecture_.cost_hyperparameters));
  instruction_set();  // refuses one that this machine lacks, before any work
  layers_ = lay_out<T>(architecture_);
  size_ = layers_.back().biases_offset + layers_.back().stride;
  parameters_ = allocate_aligned<T>(size_);
}

template <class T>
Network<T>::Network(const Network& other)
    : architecture_(other.architecture_),
      layers_(other.layers_),
      size_(other.size_),
      seed_(other.seed_) {
  const ReadAccess access(other);
  set_epoch(other.epoch());
  cost_function_ = other.cost_function_;
  parameters_ = allocate_aligned<T>(size_);
  std::copy_n(other.parameters_.get(), size_, parameters_.get());
}

template <class T>
Network<T>::~Network() = default;

template <class T>
void Network<T>::initialize(std::span<const Initializer> initializers) {
  if (initializers.size() != layers_.size()) {
    throw InvalidArgument(concat("there are ", initializers.size(), " initialisers; expected ",
                                 layers_.size(), ", one a layer"));
  }
  const TrainAccess access(*this);
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Layer& layer = layers_[l];
    const double in = double(layer.in), out = double(layer.out);
    const Spread spread =
        visit(initializers[l], [&](auto e) { return InitializerFn<e>::spread(in, out); });
    const bool draws_biases =
        visit(initializers[l], [](auto e) { return InitializerFn<e>::draws_biases; });
    const Philox random(seed_, Stream::parameters, l, 0);
    // Number i of the layer: the weights unit by unit, then the biases.
    std::size_t i = 0;
    std::array<double, 2> pair{};
    const auto next = [&](Spread s) {
      if (i % 2 == 0) pair = s.uniform ? random.uniform(i / 2) : random.normal(i / 2);
      const double number = pair[i++ % 2];
      return s.uniform ? (2 * number - 1) * std::sqrt(3.0) * s.deviation : number * s.deviation;
    };
    const MatrixView<T> w = ParameterAccess<T>::weights(*this, l);
    for (std::size_t j = 0; j < layer.out; ++j) {
      for (std::size_t k = 0; k < layer.in; ++k) w.row(k)[j] = static_cast<T>(next(spread));
    }
    i += i % 2;  // a pair is drawn whole
    for (T& b : ParameterAccess<T>::biases(*this, l)) {
      b = draws_biases ? static_cast<T>(next({1, false})) : T(0);
    }
  }
}

template <class T>
MatrixView<T> Network<T>::weights(std::size_t l) noexcept {
  lent_.set_relaxed(1);
  return ParameterAccess<T>::weights(*this, l);
}

template <class T>
MatrixView<const T> Network<T>::weights(std::size_t l) const noexcept {
  const Layer& layer = layers_[l];
  return {parameters_.get() + layer.weights_offset, layer.in, layer.out, layer.stride};
}

template <class T>
std::span<T> Network<T>::biases(std::size_t l) noexcept {
  lent_.set_relaxed(1);
  return ParameterAccess<T>::biases(*this, l);
}

template <class T>
std::span<const T> Network<T>::biases(std::size_t l) const noexcept {
  return {parameters_.get() + layers_[l].biases_offset, layers_[l].out};
}

template <class T>
void Network<T>::copy_from(const Network& other, double tau) {
  if (other.architecture_.sizes != architecture_.sizes) {
    throw InvalidArgument("the other network has other sizes; expected layers of the same units");
  }
  if (!(tau >= 0 && tau <= 1)) {
    throw InvalidArgument(concat("tau is ", tau, "; expected a number from 0 to 1"));
  }
  if (&other == this) return;
  const ReadAccess reading(other);
  const TrainAccess held(*this);
  T* w = parameters_.get();
  const T* from = other.parameters_.get();
  if (w == from) return;
  if (tau == 1) {
    std::copy_n(from, size_, w);
    return;
  }
  const T rest = static_cast<T>(1 - tau), part = static_cast<T>(tau);
  for (std::size_t i = 0; i < size_; ++i) w[i] = rest * w[i] + part * from[i];
}

template <class T>
void Network<T>::set_cost_function(CostFunction<T> function) {
  if (architecture_.cost != Cost::custom) {
    throw InvalidArgument(concat("the network's cost is ", name(architecture_.cost),
                                 "; only one that was made with the cost custom takes a function"));
  }
  const TrainAccess access(*this);
  cost_function_ = std::move(function);
}

template <class T>
bool Network<T>::all_finite() const noexcept {
  return nncore::all_finite(parameters_.get(), size_);
}

template <class T>
double Network<T>::gradients(const Samples<T>& samples, std::span<T> gradients,
                             const Penalty& penalty, double cost_epsilon) const {
  check_shapes(*this, samples);
  check_trainable(*this);
  if (samples.rows() == 0) throw InvalidArgument("x has no rows; there is no gradient to take");
  if (gradients.size() != size_) {
    throw InvalidArgument(
        concat("the gradients have room for ", gradients.size(), " numbers; expected ", size_));
  }
  const ReadAccess access(*this);
  double weight_sum = double(samples.rows());
  if (!samples.weights.empty()) {
    weight_sum = std::accumulate(samples.weights.begin(), samples.weights.end(), 0.0);
  }
  std::fill(gradients.begin(), gradients.end(), T(0));
  Workspace<T> ws;
  prepare(ws, *this, stored_density(samples.x), std::min(gradient_block, samples.rows()),
          Purpose::train, share_of_threads());
  double cost = 0;
  for (std::size_t first = 0; first < samples.rows(); first += gradient_block) {
    const std::size_t rows = std::min(gradient_block, samples.rows() - first);
    const Batch<T> batch = make_batch<T>(ws, *this, samples, {}, first, rows, Purpose::train);
    forward(ws, *this, batch, Purpose::train);
    cost += cost_epsilon > 0 ? clipped_cost(ws, *this, batch, cost_epsilon)
                             : summed_cost(ws, *this, batch);
    backward<T>(ws, *this, batch,
                {.data = gradients.data(), .scale = static_cast<T>(1 / weight_sum)});
  }
  cost /= weight_sum;
  if (penalty.l1 == 0 && penalty.l2 == 0) return cost;

  const double n = penalty.rows ? double(penalty.rows) : weight_sum;
  for (const Layer& layer : layers_) {
    for (std::size_t i = layer.weights_offset; i < layer.biases_offset; ++i) {
      const T w = parameters_.get()[i];
      const double sign = w > T(0) ? 1 : (w < T(0) ? -1 : 0);
      gradients[i] += static_cast<T>((penalty.l2 * double(w) + penalty.l1 * sign) / n);
    }
  }
  return cost + penalty_cost(*this, penalty.l2 / n, penalty.l1 / n);
}

template <class T>
void Network<T>::input_gradients(const Samples<T>& samples, MatrixView<T> out) const {
  check_shapes(*this, samples);
  check_out(out, samples.rows(), inputs(), "out");
  check_trainable(*this);
  const ReadAccess access(*this);
  Workspace<T> ws;
  prepare(ws, *this, stored_density(samples.x), std::min(gradient_block, samples.rows()),
          Purpose::train, share_of_threads());
  for (std::size_t first = 0; first < samples.rows(); first += gradient_block) {
    const std::size_t rows = std::min(gradient_block, samples.rows() - first);
    const Batch<T> batch = make_batch<T>(ws, *this, samples, {}, first, rows, Purpose::train);
    forward(ws, *this, batch, Purpose::train);
    if (architecture_.cost == Cost::custom) summed_cost(ws, *this, batch);  // gives the slopes
    backward<T>(ws, *this, batch, {});
    input_delta<T>(ws, *this, batch, {out.row(first), rows, out.cols, out.stride});
  }
}

template class Network<float>;
template class Network<double>;

}  // namespace nncore
