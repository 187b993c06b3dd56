// The costs of one sample, each defined once: its name, its value and its slope, with a the
// outputs, z their weighted inputs and y the targets.
//
//   value(z, a, y)  the cost of one output; costs with needs_z use z, to stay finite
//   slope(a, y)     its derivative with respect to a
//   canonical       the one output activation that a cost is paired with, if only_canonical: the
//                   slopes then cancel, and delta = dC/dz is a - y
//
// Costs whose outputs do not stand alone are by_row:
//
//   row_value(p, z, a, y, n)         the cost of a row of n outputs
//   row_slope(p, z, a, y, delta, n)  dC/da of a row; with a canonical activation, dC/dz
//
// To add one: a line in the Cost enumeration (names.hpp) and a struct here.
#pragma once

#include <cstddef>
#include <string_view>

#include "kernels/cost_parameters.hpp"
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
  static constexpr bool by_row = false;
  static constexpr bool takes_labels = true;
  static constexpr Hyperparameter hyperparameters[1] = {};
  static constexpr std::string_view list_name = {};
  static constexpr Activation canonical = Activation::linear;
  static constexpr double target_min = -__builtin_huge_val(), target_max = __builtin_huge_val();
};

// How much of each target is taken and shared out among all classes (Szegedy et al., 2016, section
// 7). That is done where targets are gathered.
inline constexpr Hyperparameter label_smoothing{"label_smoothing", 0,
                                                Hyperparameter::Range::from_zero_below_one};

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
  static constexpr Hyperparameter hyperparameters[] = {label_smoothing};
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
  static constexpr Hyperparameter hyperparameters[] = {label_smoothing};
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

// The quantiles tau of a target, whose outputs lie side by side: the sum of max(tau d, (tau - 1) d)
// with d = y - a (Koenker and Bassett, 1978). With non_crossing the outputs of a target are put in
// order before anything else sees them. A unit then stands for the quantile of its rank.
template <>
struct CostFn<Cost::pinball> : CostTraits {
  static constexpr std::string_view name = "pinball";
  static constexpr bool needs_z = true;
  static constexpr bool by_row = true;
  static constexpr bool takes_labels = false;
  static constexpr std::string_view list_name = "quantiles";
  static constexpr Hyperparameter hyperparameters[] = {
      {"non_crossing", 0, Hyperparameter::Range::zero_or_one}};

  template <class T>
  static double row_value(const CostParameters& p, const T*, const T* a, const T* y,
                          std::size_t n) {
    const std::size_t quantiles = p.count > 0 ? p.count : 1;
    double total = 0;
    for (std::size_t j = 0; j < n; ++j) {
      const T tau = T(p.count > 0 ? p.list[j % quantiles] : 0.5), d = y[j / quantiles] - a[j];
      total += double((d < T(0) ? tau - T(1) : tau) * d);
    }
    return total;
  }
  template <class T>
  static void row_slope(const CostParameters& p, const T* z, const T* a, const T* y, T* delta,
                        std::size_t n) {
    const std::size_t quantiles = p.count > 0 ? p.count : 1;
    const bool ranked = p.hyperparameters && p.hyperparameters[0] != 0;
    for (std::size_t j = 0; j < n; ++j) {
      const std::size_t first = j - j % quantiles;
      const std::size_t at = ranked ? rank(z + first, j - first, quantiles) : j - first;
      const T tau = T(p.count > 0 ? p.list[at] : 0.5);
      const T d = y[j / quantiles] - (ranked ? z[j] : a[j]);
      delta[j] = d > T(0) ? -tau : (d < T(0) ? T(1) - tau : T(0));
    }
  }

 private:
  // How many of z are in order before z[i].
  template <class T>
  static std::size_t rank(const T* z, std::size_t i, std::size_t count) {
    std::size_t before = 0;
    for (std::size_t k = 0; k < count; ++k) before += z[k] < z[i] || (k < i && z[k] == z[i]);
    return before;
  }
};

// (ln v + (y - a)^2 / v) / 2 with v = exp(s) + min_variance: the negative log-likelihood of a
// normal distribution, less its constant (Nix and Weigend, 1994). a are the first half of the
// outputs, s the second.
template <>
struct CostFn<Cost::gaussian> : CostTraits {
  static constexpr std::string_view name = "gaussian";
  static constexpr bool by_row = true;
  static constexpr bool only_canonical = true;
  static constexpr bool takes_labels = false;
  static constexpr Hyperparameter hyperparameters[] = {
      {"min_variance", 1e-12, Hyperparameter::Range::above_zero}};

  template <class T>
  static double row_value(const CostParameters& p, const T*, const T* a, const T* y,
                          std::size_t n) {
    const std::size_t targets = n / 2;
    const T least = log_of_least<T>(p);
    double total = 0;
    for (std::size_t j = 0; j < targets; ++j) {
      const T log_v = log_sum(a[targets + j], least), d = a[j] - y[j];
      total += 0.5 * double(log_v + d * (d * exp(-log_v)));
    }
    return total;
  }
  template <class T>
  static void row_slope(const CostParameters& p, const T*, const T* a, const T* y, T* delta,
                        std::size_t n) {
    const std::size_t targets = n / 2;
    const T least = log_of_least<T>(p);
    for (std::size_t j = 0; j < targets; ++j) {
      const T s = a[targets + j], log_v = log_sum(s, least), d = a[j] - y[j];
      const T scaled = d * exp(-log_v);
      delta[j] = scaled;
      delta[targets + j] = T(0.5) * exp(s - log_v) * (T(1) - d * scaled);
    }
  }

 private:
  template <class T>
  static T log_of_least(const CostParameters& p) {
    const double least = p.hyperparameters ? p.hyperparameters[0] : 1e-12;
    return least < 1 ? -log1p_positive(T(1 / least - 1)) : log1p_positive(T(least - 1));
  }
  // ln(exp(x) + exp(y))
  template <class T>
  static T log_sum(T x, T y) {
    return (x > y ? x : y) + log1p_positive(exp(-magnitude(x - y)));
  }
};

// The cross-entropy of a class that has the probability sigmoid(m), times the gamma-th power of the
// probability that is missing (Lin et al., 2017).
template <class T>
struct FocalTerm {
  T gamma;
  explicit FocalTerm(const CostParameters& p)
      : gamma(p.hyperparameters ? T(p.hyperparameters[0]) : T(2)) {}

  // ln(1 + exp(x))
  static T log1p_exp(T x) { return (x > T(0) ? x : T(0)) + log1p_positive(exp(-magnitude(x))); }

  T value(T m) const { return exp(-gamma * log1p_exp(m)) * log1p_exp(-m); }
  T slope(T m) const {
    return -exp(-gamma * log1p_exp(m)) * (gamma * sigmoid(m) * log1p_exp(-m) + sigmoid(-m));
  }
};

struct FocalTraits : CostTraits {
  static constexpr bool needs_z = true;
  static constexpr bool by_row = true;
  static constexpr bool only_canonical = true;
  static constexpr double target_min = 0, target_max = 1;
  static constexpr std::string_view list_name = "class_weights";
  static constexpr Hyperparameter hyperparameters[] = {
      {"gamma", 2, Hyperparameter::Range::from_zero}};
};

// Over softmax outputs, each class with its weight. m is how far an output's weighted input is
// above the others', ln(a / (1 - a)).
template <>
struct CostFn<Cost::focal> : FocalTraits {
  static constexpr std::string_view name = "focal";
  static constexpr bool targets_sum_to_one = true;
  static constexpr Activation canonical = Activation::softmax;

  template <class T>
  static double row_value(const CostParameters& p, const T* z, const T*, const T* y,
                          std::size_t n) {
    const FocalTerm<T> term(p);
    double total = 0;
    for (std::size_t j = 0; n > 1 && j < n; ++j) {
      if (y[j] == T(0)) continue;
      const T weight = p.count > 0 ? T(p.list[j]) : T(1);
      total += double(weight * y[j] * term.value(z[j] - log_sum_without(z, n, j)));
    }
    return total;
  }
  template <class T>
  static void row_slope(const CostParameters& p, const T* z, const T*, const T* y, T* delta,
                        std::size_t n) {
    const FocalTerm<T> term(p);
    for (std::size_t i = 0; i < n; ++i) delta[i] = T(0);
    for (std::size_t j = 0; n > 1 && j < n; ++j) {
      if (y[j] == T(0)) continue;
      const T weight = p.count > 0 ? T(p.list[j]) : T(1);
      const T others = log_sum_without(z, n, j);
      const T slope = weight * y[j] * term.slope(z[j] - others);
      for (std::size_t i = 0; i < n; ++i) {
        delta[i] += i == j ? slope : -slope * exp(z[i] - others);
      }
    }
  }

 private:
  // ln of the sum of all exp(z) but that of z[j].
  template <class T>
  static T log_sum_without(const T* z, std::size_t n, std::size_t j) {
    std::size_t top = j == 0 ? 1 : 0;
    for (std::size_t i = top + 1; i < n; ++i) top = i != j && z[i] > z[top] ? i : top;
    T rest = 0;
    for (std::size_t i = 0; i < n; ++i) rest += i == j || i == top ? T(0) : exp(z[i] - z[top]);
    return z[top] + log1p_positive(rest);
  }
};

// Over sigmoid outputs, each a class of its own, with its weight; a single output tells two
// classes, which have two weights.
template <>
struct CostFn<Cost::binary_focal> : FocalTraits {
  static constexpr std::string_view name = "binary_focal";
  static constexpr Activation canonical = Activation::sigmoid;

  template <class T>
  static double row_value(const CostParameters& p, const T* z, const T*, const T* y,
                          std::size_t n) {
    const FocalTerm<T> term(p);
    double total = 0;
    for (std::size_t j = 0; j < n; ++j) {
      total += double(weight<T>(p, j, n, true) * y[j] * term.value(z[j]) +
                      weight<T>(p, j, n, false) * (T(1) - y[j]) * term.value(-z[j]));
    }
    return total;
  }
  template <class T>
  static void row_slope(const CostParameters& p, const T* z, const T*, const T* y, T* delta,
                        std::size_t n) {
    const FocalTerm<T> term(p);
    for (std::size_t j = 0; j < n; ++j) {
      delta[j] = weight<T>(p, j, n, true) * y[j] * term.slope(z[j]) -
                 weight<T>(p, j, n, false) * (T(1) - y[j]) * term.slope(-z[j]);
    }
  }

 private:
  template <class T>
  static T weight(const CostParameters& p, std::size_t j, std::size_t n, bool positive) {
    if (p.count == 0) return T(1);
    return T(p.list[n == 1 ? std::size_t(positive) : j]);
  }
};

// The program's own. Its values and slopes do not come from here.
template <>
struct CostFn<Cost::custom> : CostTraits {
  static constexpr std::string_view name = "custom";
  static constexpr bool by_row = true;
  template <class T>
  static double row_value(const CostParameters&, const T*, const T*, const T*, std::size_t) {
    return 0;
  }
  template <class T>
  static void row_slope(const CostParameters&, const T*, const T*, const T*, T*, std::size_t) {}
};

}  // namespace
}  // namespace nncore
