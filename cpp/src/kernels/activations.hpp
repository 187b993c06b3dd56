// The activation functions, each defined once: its name, its value and its slope.
//
//   value(z)     a = act(z)
//   slope(z, a)  da/dz; functions with needs_z use z, the others get by with a
//   low, high    the range of its values
//   initializer  the distribution that suits its slope, the default for a layer's weights
//
// To add one: a line in the Activation enumeration (names.hpp) and a struct here.
#pragma once

#include <string_view>

#include "kernels/math.hpp"
#include "nncore/names.hpp"

namespace nncore {
namespace {

template <Activation>
struct ActivationFn;

struct ActivationTraits {
  static constexpr bool needs_z = false;
  static constexpr bool trainable = true;
  static constexpr bool elementwise = true;
  static constexpr double low = -__builtin_inf(), high = __builtin_inf();
  static constexpr Initializer initializer = Initializer::glorot_uniform;
};

template <>
struct ActivationFn<Activation::sigmoid> : ActivationTraits {
  static constexpr std::string_view name = "sigmoid";
  static constexpr double low = 0, high = 1;
  template <class T>
  static T value(T z) {
    return sigmoid(z);
  }
  template <class T>
  static T slope(T, T a) {
    return a * (T(1) - a);
  }
};

template <>
struct ActivationFn<Activation::tanh> : ActivationTraits {
  static constexpr std::string_view name = "tanh";
  static constexpr double low = -1, high = 1;
  template <class T>
  static T value(T z) {
    return tanh(z);
  }
  template <class T>
  static T slope(T, T a) {
    return T(1) - a * a;
  }
};

template <>
struct ActivationFn<Activation::relu> : ActivationTraits {
  static constexpr std::string_view name = "relu";
  static constexpr double low = 0;
  static constexpr Initializer initializer = Initializer::he_normal;
  template <class T>
  static T value(T z) {
    return z < T(0) ? T(0) : z;  // a NaN stays one
  }
  template <class T>
  static T slope(T, T a) {
    return a > T(0) ? T(1) : T(0);
  }
};

template <>
struct ActivationFn<Activation::leaky_relu> : ActivationTraits {
  static constexpr std::string_view name = "leaky_relu";
  static constexpr Initializer initializer = Initializer::he_normal;
  static constexpr double leak = 0.01;
  template <class T>
  static T value(T z) {
    return z < T(0) ? T(leak) * z : z;
  }
  template <class T>
  static T slope(T, T a) {
    return a > T(0) ? T(1) : T(leak);
  }
};

// Clevert, Unterthiner and Hochreiter, "Fast and Accurate Deep Network Learning by Exponential
// Linear Units", 2016, with alpha = 1.
template <>
struct ActivationFn<Activation::elu> : ActivationTraits {
  static constexpr std::string_view name = "elu";
  static constexpr double low = -1;
  static constexpr Initializer initializer = Initializer::he_normal;
  template <class T>
  static T value(T z) {
    return z < T(0) ? expm1_negative(z) : z;
  }
  template <class T>
  static T slope(T, T a) {
    return a > T(0) ? T(1) : a + T(1);
  }
};

// Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016: z Phi(z), in its exact form.
template <>
struct ActivationFn<Activation::gelu> : ActivationTraits {
  static constexpr std::string_view name = "gelu";
  static constexpr double low = -0.16997120747990369;
  static constexpr Initializer initializer = Initializer::he_normal;
  static constexpr bool needs_z = true;
  template <class T>
  static T value(T z) {
    return at_least(z, T(-normal_end<T>)) * normal_cdf(z, bell(z));  // 0 times infinity is no limit
  }
  template <class T>
  static T slope(T z, T) {
    const T e = bell(z);
    const T rise = z * T(0.39894228040143267794) * e;
    return normal_cdf(z, e) + (magnitude(z) > normal_end<T> ? T(0) : rise);
  }
};

// z sigmoid(z); Elfwing, Uchibe and Doya, 2018.
template <>
struct ActivationFn<Activation::silu> : ActivationTraits {
  static constexpr std::string_view name = "silu";
  static constexpr double low = -0.27846454276107379;
  static constexpr Initializer initializer = Initializer::he_normal;
  static constexpr bool needs_z = true;
  template <class T>
  static T value(T z) {
    return at_least(z, T(-sigmoid_end<T>)) * sigmoid(z);
  }
  template <class T>
  static T slope(T z, T) {  // sigmoid(z) + z sigmoid'(z), which 1 - sigmoid(z) would spoil
    const T e = exp(-magnitude(z)), larger = T(1) / (T(1) + e), smaller = e * larger;
    const T rise = z * (smaller * larger);
    return (z < T(0) ? smaller : larger) + (magnitude(z) > sigmoid_end<T> ? T(0) : rise);
  }
};

template <>
struct ActivationFn<Activation::softplus> : ActivationTraits {
  static constexpr std::string_view name = "softplus";
  static constexpr double low = 0;
  static constexpr Initializer initializer = Initializer::he_normal;
  template <class T>
  static T value(T z) {
    return (z < T(0) ? T(0) : z) + log1p_positive(exp(-magnitude(z)));
  }
  template <class T>
  static T slope(T, T a) {
    return -expm1_negative(-a);
  }
};

// Klambauer, Unterthiner, Mayr and Hochreiter, "Self-Normalizing Neural Networks", 2017.
template <>
struct ActivationFn<Activation::selu> : ActivationTraits {
  static constexpr std::string_view name = "selu";
  static constexpr double rise = 1.05070098735548049342, fall = 1.75809934084737685994;
  static constexpr double low = -fall;
  template <class T>
  static T value(T z) {
    return z < T(0) ? T(fall) * expm1_negative(z) : T(rise) * z;
  }
  template <class T>
  static T slope(T, T a) {
    return a > T(0) ? T(rise) : a + T(fall);
  }
};

// relu, cut off at 6; Krizhevsky, "Convolutional Deep Belief Networks on CIFAR-10", 2010.
template <>
struct ActivationFn<Activation::relu6> : ActivationTraits {
  static constexpr std::string_view name = "relu6";
  static constexpr double low = 0, high = 6;
  static constexpr Initializer initializer = Initializer::he_normal;
  template <class T>
  static T value(T z) {
    return at_most_or_nan(z < T(0) ? T(0) : z, T(6));
  }
  template <class T>
  static T slope(T, T a) {
    return (a > T(0) ? T(1) : T(0)) * (a < T(6) ? T(1) : T(0));
  }
};

// z tanh(softplus(z)); Misra, 2019. With u = exp(-|z|) that tanh is a quotient of polynomials.
template <>
struct ActivationFn<Activation::mish> : ActivationTraits {
  static constexpr std::string_view name = "mish";
  static constexpr double low = -0.30884341301725043;
  static constexpr Initializer initializer = Initializer::he_normal;
  static constexpr bool needs_z = true;
  template <class T>
  static T value(T z) {
    const T u = exp(-magnitude(z)), above = numerator(z, u);
    return at_least(z, T(-sigmoid_end<T>)) * (above / (above + rest(z, u)));
  }
  template <class T>
  static T slope(T z, T) {
    const T u = exp(-magnitude(z)), above = numerator(z, u), below = above + rest(z, u);
    const T smaller = z < T(0) ? u : u * u;
    const T rise = z * (T(4) * smaller * (T(1) + u) / (below * below));
    return above / below + (magnitude(z) > sigmoid_end<T> ? T(0) : rise);
  }

 private:
  template <class T>
  static T numerator(T z, T u) {
    return z < T(0) ? u * (u + T(2)) : T(1) + T(2) * u;
  }
  template <class T>
  static T rest(T z, T u) {  // the denominator less the numerator
    return z < T(0) ? T(2) : T(2) * u * u;
  }
};

// gelu as Hendrycks and Gimpel approximate it, 0.5 z (1 + tanh(u / 2)), which is z sigmoid(u).
template <>
struct ActivationFn<Activation::gelu_tanh> : ActivationTraits {
  static constexpr std::string_view name = "gelu_tanh";
  static constexpr double low = -0.17004075057125406;
  static constexpr Initializer initializer = Initializer::he_normal;
  static constexpr bool needs_z = true;
  static constexpr double first = 1.59576912160573071176;  // 2 sqrt(2 / pi)
  static constexpr double third = first * 0.044715;
  template <class T>
  static T value(T z) {
    return at_least(z, T(-sigmoid_end<T>)) * sigmoid(z * madd(z * z, T(third), T(first)));
  }
  template <class T>
  static T slope(T z, T) {
    const T square = z * z, u = z * madd(square, T(third), T(first));
    const T e = exp(-magnitude(u)), larger = T(1) / (T(1) + e), smaller = e * larger;
    const T rise = z * madd(square, T(3 * third), T(first)) * (smaller * larger);
    return (z < T(0) ? smaller : larger) + (magnitude(z) > sigmoid_end<T> ? T(0) : rise);
  }
};

template <>
struct ActivationFn<Activation::linear> : ActivationTraits {
  static constexpr std::string_view name = "linear";
  template <class T>
  static T value(T z) {
    return z;
  }
  template <class T>
  static T slope(T, T) {
    return T(1);
  }
};

template <>
struct ActivationFn<Activation::exponential> : ActivationTraits {
  static constexpr std::string_view name = "exponential";
  static constexpr double low = 0;
  template <class T>
  static T value(T z) {
    return exp(z);
  }
  template <class T>
  static T slope(T, T a) {
    return a;
  }
};

// The perceptron: fires when w.x + b > 0. Its slope is zero wherever there is one.
template <>
struct ActivationFn<Activation::step> : ActivationTraits {
  static constexpr std::string_view name = "step";
  static constexpr double low = 0, high = 1;
  static constexpr bool trainable = false;
  template <class T>
  static T value(T z) {
    return z > T(0) ? T(1) : (z != z ? z : T(0));
  }
  template <class T>
  static T slope(T, T) {
    return T(0);
  }
};

// Over all units of the layer: the table's row-wise kernel computes it. Its delta comes from the
// cost it is paired with.
template <>
struct ActivationFn<Activation::softmax> : ActivationTraits {
  static constexpr std::string_view name = "softmax";
  static constexpr double low = 0, high = 1;
  static constexpr bool elementwise = false;
};

}  // namespace
}  // namespace nncore
