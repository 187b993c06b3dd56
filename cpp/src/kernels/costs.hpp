// The costs of one sample, each defined once: its name, its value and its slope, with a the
// outputs, z their weighted inputs and y the targets.
//
//   value(z, a, y)  the cost of one output; costs with needs_z use z, to stay finite
//   slope(a, y)     its derivative with respect to a
//   canonical       for costs that are paired with one output activation only: that one; their
//                   delta = dC/dz is a - y, the slopes having cancelled
//
// To add one: a line in the Cost enumeration (names.hpp) and a struct here.
#pragma once

#include <cstddef>
#include <string_view>

#include "kernels/math.hpp"
#include "nncore/names.hpp"

namespace nncore {
namespace {

template <Cost>
struct CostFn;

struct CostTraits {
  static constexpr bool needs_z = false;
  static constexpr bool only_canonical = false;
  static constexpr bool targets_sum_to_one = false;
  static constexpr Activation canonical = Activation::linear;
  static constexpr double target_min = -__builtin_huge_val(), target_max = __builtin_huge_val();
};

// (a - y)^2 / 2
template <>
struct CostFn<Cost::quadratic> : CostTraits {
  static constexpr std::string_view name = "quadratic";
  template <class T>
  static T value(T, T a, T y) {
    return T(0.5) * (a - y) * (a - y);
  }
  template <class T>
  static T slope(T a, T y) {
    return a - y;
  }
};

// -y ln a - (1 - y) ln (1 - a), from the logits so that a saturated output costs what it should,
// and as a sum of positive terms so that a small cost keeps its digits.
template <>
struct CostFn<Cost::cross_entropy> : CostTraits {
  static constexpr std::string_view name = "cross_entropy";
  static constexpr bool needs_z = true;
  static constexpr Activation canonical = Activation::sigmoid;
  static constexpr bool only_canonical = true;
  static constexpr double target_min = 0, target_max = 1;
  template <class T>
  static T value(T z, T, T y) {
    const T size = magnitude(z);
    return size * (z > T(0) ? T(1) - y : y) + log1p_positive(exp(-size));
  }
};

// -y ln a with a = softmax(z). `z` is that output's weighted input less the log of the sum of
// exponentials over all outputs, which is ln a without a rounding to zero.
template <>
struct CostFn<Cost::log_likelihood> : CostTraits {
  static constexpr std::string_view name = "log_likelihood";
  static constexpr bool needs_z = true;
  static constexpr Activation canonical = Activation::softmax;
  static constexpr bool targets_sum_to_one = true;
  static constexpr bool only_canonical = true;
  static constexpr double target_min = 0, target_max = 1;
  template <class T>
  static T value(T log_a, T, T y) {
    return y == T(0) ? T(0) : -y * log_a;
  }
};

// |a - y|
template <>
struct CostFn<Cost::mean_absolute> : CostTraits {
  static constexpr std::string_view name = "mean_absolute";
  template <class T>
  static T value(T, T a, T y) {
    return magnitude(a - y);
  }
  template <class T>
  static T slope(T a, T y) {
    return a > y ? T(1) : (a < y ? T(-1) : T(0));
  }
};

// Quadratic within 1 of the target, linear beyond (Huber, 1964).
template <>
struct CostFn<Cost::huber> : CostTraits {
  static constexpr std::string_view name = "huber";
  template <class T>
  static T value(T, T a, T y) {
    const T d = magnitude(a - y);
    return d < T(1) ? T(0.5) * d * d : d - T(0.5);
  }
  template <class T>
  static T slope(T a, T y) {
    const T d = a - y;
    return d > T(1) ? T(1) : (d < T(-1) ? T(-1) : d);
  }
};

// a - y ln a with a = exp(z): a Poisson rate's negative log-likelihood, less its constant.
template <>
struct CostFn<Cost::poisson> : CostTraits {
  static constexpr std::string_view name = "poisson";
  static constexpr bool needs_z = true;
  static constexpr Activation canonical = Activation::exponential;
  static constexpr bool only_canonical = true;
  static constexpr double target_min = 0;
  template <class T>
  static T value(T z, T a, T y) {
    return a - y * z;
  }
};

}  // namespace
}  // namespace nncore
