// What can be chosen by name: activations, costs, initialisers, optimisers. Each enumerator is
// defined by one struct of the same name (see CONTRIBUTING.md); a new one is a line here and
// that struct.
#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

namespace [[gnu::visibility("default")]] nncore {

// Activation functions; softmax is for outputs only, step predicts but does not train.
enum class Activation : unsigned char {
  sigmoid,
  tanh,
  relu,
  leaky_relu,
  elu,
  gelu,
  silu,
  softplus,
  linear,
  exponential,
  step,
  softmax,
};
inline constexpr std::size_t activation_count = static_cast<std::size_t>(Activation::softmax) + 1;

// Costs of one sample, summed over its outputs.
enum class Cost : unsigned char {
  quadratic,
  cross_entropy,
  log_likelihood,
  mean_absolute,
  huber,
  poisson,
};
inline constexpr std::size_t cost_count = static_cast<std::size_t>(Cost::poisson) + 1;

// Distributions that a layer's parameters start from.
enum class Initializer : unsigned char {
  normal,
  scaled,
  glorot_uniform,
  glorot_normal,
  he_uniform,
  he_normal,
  zeros,
};
inline constexpr std::size_t initializer_count = static_cast<std::size_t>(Initializer::zeros) + 1;

// Rules that turn gradients into updates.
enum class Optimizer : unsigned char {
  sgd,
  momentum,
  nesterov,
  rmsprop,
  adagrad,
  adam,
  adamw,
};
inline constexpr std::size_t optimizer_count = static_cast<std::size_t>(Optimizer::adamw) + 1;

std::string_view name(Activation activation) noexcept;
std::string_view name(Cost cost) noexcept;
std::string_view name(Initializer initializer) noexcept;
std::string_view name(Optimizer optimizer) noexcept;

// These names are also those of Python, of C and of the model file.

// The enumerator of that name; InvalidArgument lists the names there are. Enum is one of the
// four above.
template <class Enum>
[[gnu::visibility("default")]] Enum from_name(std::string_view name);

// All names, in the enumeration's order. The texts live for ever, and end with a zero byte.
template <class Enum>
[[gnu::visibility("default")]] std::span<const std::string_view> all_names() noexcept;

// Whether gradients pass through the activation (false for step).
bool is_trainable(Activation activation) noexcept;

// The initialiser that suits layers of that activation.
Initializer default_initializer(Activation activation) noexcept;

// The output activations that a cost may be paired with.
std::vector<Activation> output_activations(Cost cost);

// Whether the cost goes with one output activation only, with which its delta is a - y.
bool is_canonical_only(Cost cost) noexcept;

// The targets that make sense for a cost.
struct TargetRange {
  double low = 0, high = 0;
  bool sum_to_one = false;  // over the outputs of a row
};
TargetRange target_range(Cost cost) noexcept;

// The parameters of one optimiser: their names, default values, and the value that they must
// stay below; none may be negative. The equations: cpp/src/kernels/optimizers.hpp.
inline constexpr std::size_t max_hyperparameters = 4;
struct Hyperparameter {
  std::string_view name;
  double value = 0;
  double below = std::numeric_limits<double>::infinity();
};
std::span<const Hyperparameter> hyperparameters(Optimizer optimizer) noexcept;
// Numbers it remembers for every parameter.
std::size_t optimizer_slots(Optimizer optimizer) noexcept;

}  // namespace nncore
