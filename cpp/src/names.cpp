#include "nncore/names.hpp"

#include <array>
#include <string>
#include <utility>

#include "initializers.hpp"
#include "kernels/activations.hpp"
#include "kernels/costs.hpp"
#include "kernels/optimizers.hpp"
#include "nncore/error.hpp"
#include "schedules.hpp"

namespace nncore {
namespace {

// Fn<enumerator>::name for every enumerator: the structs are the only place a name stands.
template <class Enum>
struct Names;

template <class Enum, template <Enum> class Fn, std::size_t... I>
constexpr auto names_of(std::index_sequence<I...>) {
  return std::array{Fn<Enum(I)>::name...};
}

template <>
struct Names<Activation> {
  static constexpr const char* kind = "activation";
  static constexpr auto all =
      names_of<Activation, ActivationFn>(std::make_index_sequence<activation_count>{});
};
template <>
struct Names<Cost> {
  static constexpr const char* kind = "cost";
  static constexpr auto all = names_of<Cost, CostFn>(std::make_index_sequence<cost_count>{});
};
template <>
struct Names<Initializer> {
  static constexpr const char* kind = "initializer";
  static constexpr auto all =
      names_of<Initializer, InitializerFn>(std::make_index_sequence<initializer_count>{});
};
template <>
struct Names<Optimizer> {
  static constexpr const char* kind = "optimizer";
  static constexpr auto all =
      names_of<Optimizer, OptimizerFn>(std::make_index_sequence<optimizer_count>{});
};

template <>
struct Names<Schedule> {
  static constexpr const char* kind = "schedule";
  static constexpr auto all =
      names_of<Schedule, ScheduleFn>(std::make_index_sequence<schedule_count>{});
};

template <class Enum>
std::string_view name_of(Enum e) noexcept {
  const auto i = static_cast<std::size_t>(e);
  return i < Names<Enum>::all.size() ? Names<Enum>::all[i] : "unknown";
}

template <std::size_t... I>
bool trainable(Activation activation, std::index_sequence<I...>) {
  return ((activation == Activation(I) && ActivationFn<Activation(I)>::trainable) || ...);
}

template <std::size_t... I>
bool elementwise(Activation activation, std::index_sequence<I...>) {
  return ((activation == Activation(I) && ActivationFn<Activation(I)>::elementwise) || ...);
}

template <Cost C>
bool may_pair(Activation activation) {
  if constexpr (CostFn<C>::only_canonical) return activation == CostFn<C>::canonical;
  return elementwise(activation, std::make_index_sequence<activation_count>{});
}

template <std::size_t... I>
bool canonical_only(Cost cost, std::index_sequence<I...>) {
  return ((cost == Cost(I) && CostFn<Cost(I)>::only_canonical) || ...);
}

template <std::size_t... I>
TargetRange target_range_of(Cost cost, std::index_sequence<I...>) {
  TargetRange range{};
  ((cost == Cost(I) ? void(range = {CostFn<Cost(I)>::target_min, CostFn<Cost(I)>::target_max,
                                    CostFn<Cost(I)>::targets_sum_to_one})
                    : void()),
   ...);
  return range;
}

template <std::size_t... I>
bool may_pair(Cost cost, Activation activation, std::index_sequence<I...>) {
  return ((cost == Cost(I) && may_pair<Cost(I)>(activation)) || ...);
}

template <class Enum, template <Enum> class Fn, std::size_t... I>
std::span<const Hyperparameter> hyperparameters_of(Enum chosen, std::index_sequence<I...>) {
  std::span<const Hyperparameter> found;
  const auto look = [&]<Enum E>() {
    if (chosen == E && !Fn<E>::hyperparameters[0].name.empty()) found = Fn<E>::hyperparameters;
  };
  (look.template operator()<Enum(I)>(), ...);
  return found;
}

template <std::size_t... I>
std::size_t slots_of(Optimizer optimizer, std::index_sequence<I...>) {
  std::size_t found = 0;
  ((optimizer == Optimizer(I) ? void(found = OptimizerFn<Optimizer(I)>::slots) : void()), ...);
  return found;
}

template <std::size_t... I>
Initializer initializer_of(Activation activation, std::index_sequence<I...>) {
  Initializer found{};
  ((activation == Activation(I) ? void(found = ActivationFn<Activation(I)>::initializer) : void()),
   ...);
  return found;
}

}  // namespace

std::string_view name(Activation activation) noexcept { return name_of(activation); }
std::string_view name(Cost cost) noexcept { return name_of(cost); }
std::string_view name(Initializer initializer) noexcept { return name_of(initializer); }
std::string_view name(Optimizer optimizer) noexcept { return name_of(optimizer); }
std::string_view name(Schedule schedule) noexcept { return name_of(schedule); }

template <class Enum>
std::span<const std::string_view> all_names() noexcept {
  return Names<Enum>::all;
}

template <class Enum>
Enum from_name(std::string_view name) {
  std::string known;
  for (std::size_t i = 0; i < Names<Enum>::all.size(); ++i) {
    if (Names<Enum>::all[i] == name) return Enum(i);
    known += (i ? ", " : "") + std::string(Names<Enum>::all[i]);
  }
  throw InvalidArgument("unknown " + std::string(Names<Enum>::kind) + " '" + std::string(name) +
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
  return trainable(activation, std::make_index_sequence<activation_count>{});
}

Initializer default_initializer(Activation activation) noexcept {
  return initializer_of(activation, std::make_index_sequence<activation_count>{});
}

std::vector<Activation> output_activations(Cost cost) {
  std::vector<Activation> legal;
  for (std::size_t i = 0; i < activation_count; ++i) {
    if (may_pair(cost, Activation(i), std::make_index_sequence<cost_count>{})) {
      legal.push_back(Activation(i));
    }
  }
  return legal;
}

bool is_canonical_only(Cost cost) noexcept {
  return canonical_only(cost, std::make_index_sequence<cost_count>{});
}

TargetRange target_range(Cost cost) noexcept {
  return target_range_of(cost, std::make_index_sequence<cost_count>{});
}

std::size_t optimizer_slots(Optimizer optimizer) noexcept {
  return slots_of(optimizer, std::make_index_sequence<optimizer_count>{});
}

std::span<const Hyperparameter> hyperparameters(Optimizer optimizer) noexcept {
  return hyperparameters_of<Optimizer, OptimizerFn>(optimizer,
                                                    std::make_index_sequence<optimizer_count>{});
}

std::span<const Hyperparameter> hyperparameters(Schedule schedule) noexcept {
  return hyperparameters_of<Schedule, ScheduleFn>(schedule,
                                                  std::make_index_sequence<schedule_count>{});
}

}  // namespace nncore
