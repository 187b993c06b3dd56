#include "nncore/names.hpp"

#include <array>
#include <iterator>
#include <string>
#include <utility>

#include "kernels/activations.hpp"
#include "kernels/costs.hpp"
#include "kernels/optimizers.hpp"
#include "model/initializers.hpp"
#include "model/schedules.hpp"
#include "model/visit.hpp"
#include "nncore/error.hpp"

namespace nncore {
namespace {

// Of each list: what one of it is called, and the structs that define its enumerators.
template <class Enum>
struct List;

#define NNCORE_LIST(Enum, what, Struct)       \
  template <>                                 \
  struct List<Enum> {                         \
    static constexpr const char* kind = what; \
    template <Enum e>                         \
    using Fn = Struct<e>;                     \
  }
NNCORE_LIST(Activation, "activation", ActivationFn);
NNCORE_LIST(Cost, "cost", CostFn);
NNCORE_LIST(Initializer, "initializer", InitializerFn);
NNCORE_LIST(Optimizer, "optimizer", OptimizerFn);
NNCORE_LIST(Schedule, "schedule", ScheduleFn);
#undef NNCORE_LIST

// The structs are the only place where a name stands.
template <class Enum>
constexpr auto names = []<std::size_t... I>(std::index_sequence<I...>) {
  return std::array{List<Enum>::template Fn<Enum(I)>::name...};
}(std::make_index_sequence<enumerator_count<Enum>>{});

template <class Enum>
std::string_view name_of(Enum e) noexcept {
  const auto i = static_cast<std::size_t>(e);
  return i < names<Enum>.size() ? names<Enum>[i] : "unknown";
}

template <class Enum>
std::span<const Hyperparameter> hyperparameters_of(Enum chosen) {
  return visit(chosen, [](auto e) -> std::span<const Hyperparameter> {
    using Fn = typename List<Enum>::template Fn<e>;
    if (Fn::hyperparameters[0].name.empty()) return {};  // that of OptimizerTraits
    return Fn::hyperparameters;
  });
}

static_assert(
    []<std::size_t... O>(std::index_sequence<O...>) {
      return ((std::size(OptimizerFn<Optimizer(O)>::hyperparameters) <= max_hyperparameters) &&
              ...);
    }(std::make_index_sequence<optimizer_count>{}),
    "an optimiser has more hyperparameters than an Update has room for");

}  // namespace

std::string_view name(Activation activation) noexcept { return name_of(activation); }
std::string_view name(Cost cost) noexcept { return name_of(cost); }
std::string_view name(Initializer initializer) noexcept { return name_of(initializer); }
std::string_view name(Optimizer optimizer) noexcept { return name_of(optimizer); }
std::string_view name(Schedule schedule) noexcept { return name_of(schedule); }

template <class Enum>
std::span<const std::string_view> all_names() noexcept {
  return names<Enum>;
}

template <class Enum>
Enum from_name(std::string_view name) {
  std::string known;
  for (std::size_t i = 0; i < names<Enum>.size(); ++i) {
    if (names<Enum>[i] == name) return Enum(i);
    known += (i ? ", " : "") + std::string(names<Enum>[i]);
  }
  throw InvalidArgument("unknown " + std::string(List<Enum>::kind) + " '" + std::string(name) +
                        "'; expected one of " + known);
}

template std::span<const std::string_view> all_names<Activation>() noexcept;
template std::span<const std::string_view> all_names<Cost>() noexcept;
template std::span<const std::string_view> all_names<Initializer>() noexcept;
template std::span<const std::string_view> all_names<Optimizer>() noexcept;
template std::span<const std::string_view> all_names<Schedule>() noexcept;
template Activation from_name<Activation>(std::string_view);
template Cost from_name<Cost>(std::string_view);
template Initializer from_name<Initializer>(std::string_view);
template Optimizer from_name<Optimizer>(std::string_view);
template Schedule from_name<Schedule>(std::string_view);

bool is_trainable(Activation activation) noexcept {
  return visit(activation, [](auto e) { return ActivationFn<e>::trainable; });
}

OutputRange output_range(Activation activation) noexcept {
  return visit(activation,
               [](auto e) { return OutputRange{ActivationFn<e>::low, ActivationFn<e>::high}; });
}

Initializer default_initializer(Activation activation) noexcept {
  return visit(activation, [](auto e) { return ActivationFn<e>::initializer; });
}

std::vector<Activation> output_activations(Cost cost) {
  std::vector<Activation> legal;
  for (std::size_t i = 0; i < activation_count; ++i) {
    const auto activation = Activation(i);
    const bool elementwise = visit(activation, [](auto e) { return ActivationFn<e>::elementwise; });
    const bool may_pair = visit(cost, [&](auto e) {
      return CostFn<e>::only_canonical ? activation == CostFn<e>::canonical
                                       : elementwise || e == Cost::custom;
    });
    if (may_pair) legal.push_back(activation);
  }
  return legal;
}

bool is_canonical_only(Cost cost) noexcept {
  return visit(cost, [](auto e) { return CostFn<e>::only_canonical; });
}

TargetRange target_range(Cost cost) noexcept {
  return visit(cost, [](auto e) {
    using Fn = CostFn<e>;
    return TargetRange{Fn::target_min, Fn::target_max, Fn::targets_sum_to_one};
  });
}

bool takes_labels(Cost cost) noexcept {
  return visit(cost, [](auto e) { return CostFn<e>::takes_labels; });
}

std::string_view list_name(Cost cost) noexcept {
  return visit(cost, [](auto e) { return CostFn<e>::list_name; });
}

std::size_t optimizer_slots(Optimizer optimizer) noexcept {
  return visit(optimizer, [](auto e) { return OptimizerFn<e>::slots; });
}

std::span<const Hyperparameter> hyperparameters(Optimizer optimizer) noexcept {
  return hyperparameters_of(optimizer);
}

std::span<const Hyperparameter> hyperparameters(Schedule schedule) noexcept {
  return hyperparameters_of(schedule);
}

std::span<const Hyperparameter> hyperparameters(Cost cost) noexcept {
  return hyperparameters_of(cost);
}

}  // namespace nncore
