// Learning rates that change from epoch to epoch.
//
// Those here depend on the epoch's number alone, so that a run which was stopped and goes on meets
// the rates that it would have met. What follows a measurement is the caller's: keep the rate, and
// reduce it where an evaluation says so (Python has ReduceOnPlateau for its histories).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "nncore/names.hpp"

#pragma GCC visibility push(default)
namespace nncore {

// Such as {Schedule::step, {0.5, 0.1}}: a rate of 0.5 that is multiplied by 0.1 every 10 epochs.
struct ScheduleOptions {
  Schedule schedule = Schedule::constant;
  // In the order of hyperparameters(schedule); those left out at the end have their defaults.
  std::vector<double> hyperparameters = {};
};

// Sets the schedule's hyperparameter of that name, the others keeping their values or defaults.
// Throws InvalidArgument, which lists those there are, for another name; learning_rate checks the
// value.
void set_hyperparameter(ScheduleOptions& options, std::string_view name, double value);

// The rate of an epoch, counted from 0 as Network::epoch() is. The same numbers as Python's
// nncore.schedules. Throws InvalidArgument for too many hyperparameters, and for one out of range.
double learning_rate(const ScheduleOptions& options, std::uint64_t epoch);

}  // namespace nncore
#pragma GCC visibility pop
