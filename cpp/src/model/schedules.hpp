// The schedules, each defined once: its name, its hyperparameters and its rate in an epoch.
//
//   rate(p, epoch)  p: the hyperparameters; epoch: counted from 0
//
// To add one: a line in the Schedule enumeration (names.hpp) and a struct here.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string_view>

#include "model/elementary.hpp"
#include "nncore/names.hpp"

namespace nncore {
namespace {

// From start to end in half a cosine; `done` is the fraction of the way.
inline double half_cosine(double start, double end, double done) {
  return end +
         (start - end) * (1.0 + elementary::cos(std::numbers::pi * std::min(done, 1.0))) / 2.0;
}

// The last of `epochs` is the end of the way.
inline double fraction_done(double epoch, double epochs) {
  return epoch / std::max(epochs - 1, 1.0);
}

// There is no default: 0 is out of range.
inline constexpr Hyperparameter rate_given{"rate", 0, Hyperparameter::Range::above_zero};
inline constexpr Hyperparameter epochs_given{"epochs", 0, Hyperparameter::Range::whole_from_one};

template <Schedule>
struct ScheduleFn;

template <>
struct ScheduleFn<Schedule::constant> {
  static constexpr std::string_view name = "constant";
  static constexpr Hyperparameter hyperparameters[] = {rate_given};
  static double rate(const double* p, double) { return p[0]; }
};

template <>
struct ScheduleFn<Schedule::step> {
  static constexpr std::string_view name = "step";
  static constexpr Hyperparameter hyperparameters[] = {
      rate_given,
      {"factor", 0.5, Hyperparameter::Range::above_zero},
      {"every", 10, Hyperparameter::Range::whole_from_one}};
  static double rate(const double* p, double epoch) {
    return p[0] * elementary::pow(p[1], std::floor(epoch / p[2]));
  }
};

template <>
struct ScheduleFn<Schedule::exponential> {
  static constexpr std::string_view name = "exponential";
  static constexpr Hyperparameter hyperparameters[] = {
      rate_given, {"factor", 0.95, Hyperparameter::Range::above_zero}};
  static double rate(const double* p, double epoch) { return p[0] * elementary::pow(p[1], epoch); }
};

// Robbins and Monro, "A Stochastic Approximation Method", 1951.
template <>
struct ScheduleFn<Schedule::inverse_scaling> {
  static constexpr std::string_view name = "inverse_scaling";
  static constexpr Hyperparameter hyperparameters[] = {
      rate_given, {"power", 0.5, Hyperparameter::Range::from_zero}};
  static double rate(const double* p, double epoch) {
    return p[0] / elementary::pow(epoch + 1, p[1]);
  }
};

// Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017, without the
// restarts.
template <>
struct ScheduleFn<Schedule::cosine> {
  static constexpr std::string_view name = "cosine";
  static constexpr Hyperparameter hyperparameters[] = {
      rate_given, epochs_given, {"final", 0, Hyperparameter::Range::from_zero}};
  static double rate(const double* p, double epoch) {
    return half_cosine(p[0], p[2], fraction_done(epoch, p[1]));
  }
};

// Smith and Topin, "Super-Convergence", 2018: up from rate / start_factor in the fraction `rise` of
// the epochs, then down to that over final_factor.
template <>
struct ScheduleFn<Schedule::one_cycle> {
  static constexpr std::string_view name = "one_cycle";
  static constexpr Hyperparameter hyperparameters[] = {
      rate_given,
      epochs_given,
      {"rise", 0.3, Hyperparameter::Range::above_zero_below_one},
      {"start_factor", 25, Hyperparameter::Range::from_one},
      {"final_factor", 1e4, Hyperparameter::Range::from_one}};
  static double rate(const double* p, double epoch) {
    const double start = p[0] / p[3], rise = p[2], done = fraction_done(epoch, p[1]);
    if (done < rise) return half_cosine(start, p[0], done / rise);
    return half_cosine(p[0], start / p[4], (done - rise) / (1.0 - rise));
  }
};

}  // namespace
}  // namespace nncore
