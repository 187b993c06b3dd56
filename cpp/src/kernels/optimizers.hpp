// The optimisers, each defined once: its name, its memory, its hyperparameters and its rule.
// A rule is built once an update, from the update's numbers, and then called for every
// parameter w with its gradient g and its places s0, s1 in the optimiser's memory. bound() bounds
// all that the rule computes: by that a step is known to stay finite. remember() turns bounds of
// the memory before the update into bounds behind it, but for rounding.
//
// To add one: a line in the Optimizer enumeration (names.hpp) and a struct here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kernels/math.hpp"
#include "nncore/names.hpp"

namespace nncore {

// The numbers of one update.
struct Update {
  double learning_rate = 0;
  double hyperparameters[max_hyperparameters] = {};
  std::uint64_t t = 1;  // counted from 1
  double l2 = 0;        // already divided by the number of rows
  double l1 = 0;
};

// The largest absolute values among the parameters, their gradients, and each slot.
struct Magnitudes {
  double w = 0;
  double g = 0;
  double s[2] = {};
};

namespace {

// A memory that decays by a factor never reaches zero: rounding stops it among the subnormal
// numbers, which processors multiply many times slower. That of an input or a unit that has died
// would stay there for ever. So a rule whose memory decays has a `least`: what is smaller becomes
// zero.
template <class T>
inline constexpr T smallest_normal = sizeof(T) == 4 ? T(__FLT_MIN__) : T(__DBL_MIN__);

// `least` of a rule that divides by root * sqrt(memory) + epsilon: where epsilon is so small that
// the quotient could tell, nothing becomes zero.
template <class T>
T least_beside(T epsilon, T root) {
  constexpr double half_ulp = (sizeof(T) == 4 ? __FLT_EPSILON__ : __DBL_EPSILON__) / 4;
  const double most = double(root) * __builtin_sqrt(double(smallest_normal<T>));
  return most <= double(epsilon) * half_ulp ? smallest_normal<T> : T(0);
}

// A bound of a quotient by epsilon or more, and of its dividend.
template <class T>
double largest_quotient(double dividend, T epsilon) {
  return epsilon < T(1) ? dividend / double(epsilon) : dividend;
}

template <Optimizer>
struct OptimizerFn;

struct OptimizerTraits {
  static constexpr std::size_t slots = 0;
  // Slots of numbers that are never negative, whose square root is taken.
  static constexpr bool slot_from_zero[2] = {};
  static constexpr bool decoupled = false;  // penalties shrink w itself, beside the gradient
  static constexpr Hyperparameter hyperparameters[1] = {};
  static constexpr auto fraction = Hyperparameter::Range::from_zero_below_one;
};

template <>
struct OptimizerFn<Optimizer::sgd> : OptimizerTraits {
  static constexpr std::string_view name = "sgd";
  template <class T>
  struct Rule {
    T eta;
    explicit Rule(const Update& u) : eta(T(u.learning_rate)) {}
    void operator()(T& w, T g, T&, T&) const { w -= eta * g; }
    double bound(const Magnitudes& m) const { return m.w + double(eta) * (1 + m.g); }
    void remember(Magnitudes&) const {}
  };
};

template <>
struct OptimizerFn<Optimizer::momentum> : OptimizerTraits {
  static constexpr std::string_view name = "momentum";
  static constexpr std::size_t slots = 1;
  static constexpr Hyperparameter hyperparameters[] = {{"momentum", 0.9, fraction}};
  template <class T>
  struct Rule {
    static constexpr T least = smallest_normal<T>;
    T eta, mu;
    explicit Rule(const Update& u) : eta(T(u.learning_rate)), mu(T(u.hyperparameters[0])) {}
    void operator()(T& w, T g, T& v, T&) const {
      v = mu * v - eta * g;
      w += v;
    }
    double bound(const Magnitudes& m) const { return m.w + m.s[0] + double(eta) * (1 + m.g); }
    void remember(Magnitudes& m) const { m.s[0] = double(mu) * m.s[0] + double(eta) * m.g; }
  };
};

// Nesterov's momentum, with the gradient taken at w (Sutskever et al., 2013, section 2).
template <>
struct OptimizerFn<Optimizer::nesterov> : OptimizerTraits {
  static constexpr std::string_view name = "nesterov";
  static constexpr std::size_t slots = 1;
  static constexpr Hyperparameter hyperparameters[] = {{"momentum", 0.9, fraction}};
  template <class T>
  struct Rule {
    static constexpr T least = smallest_normal<T>;
    T eta, mu;
    explicit Rule(const Update& u) : eta(T(u.learning_rate)), mu(T(u.hyperparameters[0])) {}
    void operator()(T& w, T g, T& v, T&) const {
      v = mu * v - eta * g;
      w += mu * v - eta * g;
    }
    double bound(const Magnitudes& m) const { return m.w + m.s[0] + 2 * double(eta) * (1 + m.g); }
    void remember(Magnitudes& m) const { m.s[0] = double(mu) * m.s[0] + double(eta) * m.g; }
  };
};

// Tieleman and Hinton, lecture 6.5 of "Neural Networks for Machine Learning", 2012.
template <>
struct OptimizerFn<Optimizer::rmsprop> : OptimizerTraits {
  static constexpr std::string_view name = "rmsprop";
  static constexpr std::size_t slots = 1;
  static constexpr bool slot_from_zero[2] = {true};
  static constexpr Hyperparameter hyperparameters[] = {{"rho", 0.9, fraction}, {"epsilon", 1e-8}};
  template <class T>
  struct Rule {
    T eta, rho, rest, epsilon, least;
    explicit Rule(const Update& u)
        : eta(T(u.learning_rate)),
          rho(T(u.hyperparameters[0])),
          rest(T(1 - u.hyperparameters[0])),
          epsilon(T(u.hyperparameters[1])),
          least(least_beside(epsilon, T(1))) {}
    void operator()(T& w, T g, T& s, T&) const {
      s = rho * s + rest * g * g;
      w -= eta * g / (square_root(s) + epsilon);
    }
    double bound(const Magnitudes& m) const {
      return m.w + m.s[0] + m.g * m.g + largest_quotient(double(eta) * (1 + m.g), epsilon);
    }
    void remember(Magnitudes& m) const { m.s[0] = double(rho) * m.s[0] + double(rest) * m.g * m.g; }
  };
};

// Duchi, Hazan and Singer, "Adaptive Subgradient Methods", 2011.
template <>
struct OptimizerFn<Optimizer::adagrad> : OptimizerTraits {
  static constexpr std::string_view name = "adagrad";
  static constexpr std::size_t slots = 1;
  static constexpr bool slot_from_zero[2] = {true};
  static constexpr Hyperparameter hyperparameters[] = {{"epsilon", 1e-10}};
  template <class T>
  struct Rule {
    T eta, epsilon;
    explicit Rule(const Update& u) : eta(T(u.learning_rate)), epsilon(T(u.hyperparameters[0])) {}
    void operator()(T& w, T g, T& s, T&) const {
      s += g * g;
      w -= eta * g / (square_root(s) + epsilon);
    }
    double bound(const Magnitudes& m) const {
      return m.w + m.s[0] + m.g * m.g + largest_quotient(double(eta) * (1 + m.g), epsilon);
    }
    void remember(Magnitudes& m) const { m.s[0] += m.g * m.g; }
  };
};

// Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, algorithm 1. epsilon_hat is
// that of the second form at the end of their section 2, where it is added before the correction
// of the second moment; scikit-learn computes that one.
template <>
struct OptimizerFn<Optimizer::adam> : OptimizerTraits {
  static constexpr std::string_view name = "adam";
  static constexpr std::size_t slots = 2;
  static constexpr bool slot_from_zero[2] = {false, true};
  static constexpr Hyperparameter hyperparameters[] = {{"beta_1", 0.9, fraction},
                                                       {"beta_2", 0.999, fraction},
                                                       {"epsilon", 1e-8},
                                                       {"epsilon_hat", 0}};
  template <class T>
  struct Rule {
    T beta1, beta2, rest1, rest2, eta, root, epsilon, least;
    explicit Rule(const Update& u)
        : beta1(T(u.hyperparameters[0])),
          beta2(T(u.hyperparameters[1])),
          rest1(T(1 - u.hyperparameters[0])),
          rest2(T(1 - u.hyperparameters[1])),
          eta(T(u.learning_rate / (1 - __builtin_pow(u.hyperparameters[0], double(u.t))))),
          root(T(1 / __builtin_sqrt(1 - __builtin_pow(u.hyperparameters[1], double(u.t))))),
          epsilon(T(u.hyperparameters[2] + u.hyperparameters[3] * double(root))),
          least(least_beside(epsilon, root)) {}
    void operator()(T& w, T g, T& m, T& v) const {
      m = beta1 * m + rest1 * g;
      v = beta2 * v + rest2 * g * g;
      w -= eta * m / (square_root(v) * root + epsilon);
    }
    double bound(const Magnitudes& a) const {
      const double m = a.s[0] + a.g, v = a.s[1] + a.g * a.g;
      return a.w + double(root) * (1 + v) + largest_quotient(double(eta) * (1 + m), epsilon);
    }
    void remember(Magnitudes& a) const {
      a.s[0] = double(beta1) * a.s[0] + double(rest1) * a.g;
      a.s[1] = double(beta2) * a.s[1] + double(rest2) * a.g * a.g;
    }
  };
};

// Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019.
template <>
struct OptimizerFn<Optimizer::adamw> : OptimizerFn<Optimizer::adam> {
  static constexpr std::string_view name = "adamw";
  static constexpr bool decoupled = true;
};

// What a bound of sums is multiplied by to bound them as they are rounded.
template <class T>
inline constexpr double with_rounding =
    1 + 8 * double(sizeof(T) == 4 ? __FLT_EPSILON__ : __DBL_EPSILON__);

// A bound of what one update computes (update_each in generic.hpp); infinite or NaN where there is
// none. most.w and most.s become bounds of the parameters and the slots behind it.
template <class T, Optimizer O>
double update_bound(const Update& u, Magnitudes& most) {
  using Fn = OptimizerFn<O>;
  const double penalty = u.l2 * (1 + most.w) + u.l1;
  if constexpr (Fn::decoupled) {
    most.w += (1 + u.learning_rate) * penalty;
  } else {
    most.g += penalty;
  }
  const typename Fn::template Rule<T> rule(u);
  const double bound = most.g + rule.bound(most);
  rule.remember(most);
  most.w = bound * with_rounding<T>;
  for (double& s : most.s) s *= with_rounding<T>;
  return bound;
}

}  // namespace
}  // namespace nncore
