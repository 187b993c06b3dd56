#include "model/hyperparameters.hpp"

#include <cmath>

#include "data/check.hpp"
#include "nncore/schedules.hpp"
#include "nncore/train.hpp"

namespace nncore {
namespace {

using Range = Hyperparameter::Range;

const char* kind(Optimizer) { return "optimizer "; }
const char* kind(Schedule) { return "schedule "; }
const char* kind(Cost) { return "cost "; }

// What a range is in words, and whether a finite number is in it.
struct Rule {
  const char* words;
  bool (*holds)(double value);
};

Rule rule_of(Range range) {
  switch (range) {
    case Range::from_zero:
      return {"a finite number, 0 or more", [](double v) { return v >= 0; }};
    case Range::above_zero:
      return {"a finite number above 0", [](double v) { return v > 0; }};
    case Range::from_zero_below_one:
      return {"0 or more and less than 1", [](double v) { return v >= 0 && v < 1; }};
    case Range::above_zero_below_one:
      return {"a number above 0 and less than 1", [](double v) { return v > 0 && v < 1; }};
    case Range::from_one:
      return {"a finite number, 1 or more", [](double v) { return v >= 1; }};
    case Range::zero_or_one:
      return {"0 or 1", [](double v) { return v == 0 || v == 1; }};
    case Range::whole_from_one:
      return {"a whole number, 1 or more", [](double v) { return v >= 1 && v == std::floor(v); }};
  }
  return {"another number", [](double) { return false; }};
}

template <class Enum>
void set(std::vector<double>& values, Enum chosen, std::string_view wanted, double value) {
  std::vector<double> all = with_defaults(chosen, values);
  const auto known = hyperparameters(chosen);
  std::string names;
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (known[i].name == wanted) {
      all[i] = value;
      values = std::move(all);
      return;
    }
    names += concat(i ? ", " : "", known[i].name);
  }
  throw InvalidArgument(concat("the ", kind(chosen), name(chosen), " has no hyperparameter '",
                               wanted, "'; it takes ", names.empty() ? "none" : names));
}

}  // namespace

template <class Enum>
std::vector<double> with_defaults(Enum chosen, std::vector<double> given) {
  const auto known = hyperparameters(chosen);
  if (given.size() > known.size()) {
    throw InvalidArgument(concat("there are ", given.size(), " hyperparameters; the ", kind(chosen),
                                 name(chosen), " takes ", known.size()));
  }
  for (std::size_t i = given.size(); i < known.size(); ++i) given.push_back(known[i].value);
  return given;
}

template <class Enum>
void check_ranges(Enum chosen, std::span<const double> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Hyperparameter& h = hyperparameters(chosen)[i];
    const Rule rule = rule_of(h.range);
    if (std::isfinite(values[i]) && rule.holds(values[i])) continue;
    throw InvalidArgument(concat(h.name, " is ", values[i], "; expected ", rule.words));
  }
}

bool set_number(TrainOptions& options, std::string_view name, double value) {
  if (name.starts_with(augmentation_prefix)) {
    return set_number(options.augmentation, name.substr(augmentation_prefix.size()), value);
  }
  for (const NumberOption& option : number_options) {
    if (option.name != name) continue;
    options.*option.member = value;
    return true;
  }
  return false;
}

void set_hyperparameter(TrainOptions& options, std::string_view name, double value) {
  set(options.hyperparameters, options.optimizer, name, value);
}

void set_hyperparameter(ScheduleOptions& options, std::string_view name, double value) {
  set(options.hyperparameters, options.schedule, name, value);
}

void set_cost_hyperparameter(Architecture& architecture, std::string_view name, double value) {
  set(architecture.cost_hyperparameters, architecture.cost, name, value);
}

#define NNCORE_INSTANTIATE(Enum)                                               \
  template std::vector<double> with_defaults<Enum>(Enum, std::vector<double>); \
  template void check_ranges<Enum>(Enum, std::span<const double>);
NNCORE_INSTANTIATE(Optimizer)
NNCORE_INSTANTIATE(Schedule)
NNCORE_INSTANTIATE(Cost)
#undef NNCORE_INSTANTIATE

void check_lanes(std::size_t lanes) {
  if (lanes <= max_lanes) return;
  throw InvalidArgument(concat("the number of lanes is ", lanes, "; expected at most ", max_lanes));
}

}  // namespace nncore
