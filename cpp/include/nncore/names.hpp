// What can be chosen by name: activations, costs, initialisers, optimisers, schedules of the
// learning rate. Each enumerator is defined by one struct of the same name (see CONTRIBUTING.md);
// a new one is a line here and that struct.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace nncore {

// Whether a number has a name in its enumeration. The compiler writes one that has none as a cast,
// (Enum)12], at the end of the text. (To search all of it takes the compiler longer than all the
// rest of this header.)
template <auto number>
consteval bool is_enumerator() {
  const char* last = __PRETTY_FUNCTION__ + sizeof(__PRETTY_FUNCTION__) - 3;
  while ('0' <= *last && *last <= '9') --last;
  return *last != ')';
}

// How many enumerators there are, being 0, 1, 2 and so on.
template <class Enum, std::size_t first = 0>
consteval std::size_t count_enumerators() {
  if constexpr (is_enumerator<static_cast<Enum>(first)>()) {
    return count_enumerators<Enum, first + 1>();
  } else {
    return first;
  }
}
template <class Enum>
inline constexpr std::size_t enumerator_count = count_enumerators<Enum>();

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
  selu,
  relu6,
  mish,
  gelu_tanh,
  linear,
  exponential,
  step,
  softmax,
};
inline constexpr std::size_t activation_count = enumerator_count<Activation>;

// Costs of one sample, summed over its outputs. Of pinball and gaussian, several outputs belong to
// one target (outputs_per_target); custom is a function of the program's own (CostFunction in
// network.hpp).
enum class Cost : unsigned char {
  quadratic,
  cross_entropy,
  log_likelihood,
  mean_absolute,
  huber,
  poisson,
  pinball,
  gaussian,
  focal,
  binary_focal,
  custom,
};
inline constexpr std::size_t cost_count = enumerator_count<Cost>;

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
inline constexpr std::size_t initializer_count = enumerator_count<Initializer>;

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
inline constexpr std::size_t optimizer_count = enumerator_count<Optimizer>;

// Learning rates by the epoch; see schedules.hpp.
enum class Schedule : unsigned char {
  constant,
  step,
  exponential,
  inverse_scaling,
  cosine,
  one_cycle,
};
inline constexpr std::size_t schedule_count = enumerator_count<Schedule>;

std::string_view name(Activation activation) noexcept;
std::string_view name(Cost cost) noexcept;
std::string_view name(Initializer initializer) noexcept;
std::string_view name(Optimizer optimizer) noexcept;
std::string_view name(Schedule schedule) noexcept;

// These names are also those of Python, of C and of the model file.

// The enumerator of that name; InvalidArgument lists the names there are. Enum is one of the
// five above.
template <class Enum>
[[gnu::visibility("default")]] Enum from_name(std::string_view name);

// All names, in the enumeration's order. The texts live for ever, and end with a zero byte.
template <class Enum>
[[gnu::visibility("default")]] std::span<const std::string_view> all_names() noexcept;

// Whether gradients pass through the activation (false for step).
bool is_trainable(Activation activation) noexcept;

// The lowest and the highest value of an activation; infinity where there is none.
struct OutputRange {
  double low = 0, high = 0;
};
OutputRange output_range(Activation activation) noexcept;

// How far beyond the ends of that range the rounding of whoever scaled the targets may leave them.
inline constexpr double target_rounding = 1e-6;

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

// Whether targets may be labels of classes.
bool takes_labels(Cost cost) noexcept;

// What Architecture::cost_list is to a cost: the quantiles of pinball, or the weights of the
// classes of the focal costs. Empty for costs that take none.
std::string_view list_name(Cost cost) noexcept;

// The parameters of one optimiser, schedule or cost: their names, default values, and what they may
// be. A default that is out of range is none: such a parameter must be given. The equations:
// cpp/src/kernels/optimizers.hpp, cpp/src/model/schedules.hpp, cpp/src/kernels/costs.hpp.
struct Hyperparameter {
  enum class Range : unsigned char {  // of finite numbers
    from_zero,
    above_zero,
    from_zero_below_one,
    above_zero_below_one,
    from_one,
    whole_from_one,
    zero_or_one,  // no and yes
  };
  std::string_view name;
  double value = 0;
  Range range = Range::from_zero;
};
std::span<const Hyperparameter> hyperparameters(Optimizer optimizer) noexcept;
std::span<const Hyperparameter> hyperparameters(Schedule schedule) noexcept;
std::span<const Hyperparameter> hyperparameters(Cost cost) noexcept;
inline constexpr std::size_t max_hyperparameters = 4;  // that an optimiser has
// Numbers that an optimiser remembers for every weight and bias.
std::size_t optimizer_slots(Optimizer optimizer) noexcept;

}  // namespace nncore
#pragma GCC visibility pop
