// Elementary functions without branches or calls, so that loops over them become vector code.
// Every operation is an IEEE one or an explicit fused multiply-add: the bits do not depend on
// the vector width. Included by each instruction set's own file, hence the unnamed namespace.
#pragma once

#include <cstdint>

namespace nncore {
namespace {

// a * b + c, rounded once where the instruction set has a fused multiply-add.
inline float madd(float a, float b, float c) {
#ifdef __FMA__
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}
inline double madd(double a, double b, double c) {
#ifdef __FMA__
  return __builtin_fma(a, b, c);
#else
  return a * b + c;
#endif
}

// Built-ins under one name for both widths.
inline float square_root(float x) { return __builtin_sqrtf(x); }
inline double square_root(double x) { return __builtin_sqrt(x); }
inline float log1p(float x) { return __builtin_log1pf(x); }
inline double log1p(double x) { return __builtin_log1p(x); }
inline float erfc(float x) { return __builtin_erfcf(x); }
inline double erfc(double x) { return __builtin_erfc(x); }

template <class To, class From>
inline To bits_as(From x) {
  static_assert(sizeof(To) == sizeof(From));
  return __builtin_bit_cast(To, x);
}

template <class T>
struct FloatFormat;

template <>
struct FloatFormat<float> {
  using Int = std::int32_t;
  static constexpr int mantissa_bits = 23, exponent_bias = 127, terms = 7;
  static constexpr float round = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  static constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
  static constexpr float exp_min = -105.0f, exp_max = 89.0f;  // beyond them exp is 0 or infinite
};

template <>
struct FloatFormat<double> {
  using Int = std::int64_t;
  static constexpr int mantissa_bits = 52, exponent_bias = 1023, terms = 13;
  static constexpr double round = 6755399441055744.0;  // 1.5 * 2^52
  static constexpr double ln2_high = 6.93147180369123816490e-01;
  static constexpr double ln2_low = 1.90821492927058770002e-10;
  static constexpr double exp_min = -747.0, exp_max = 711.0;
};

// 2^n for an integer n given as n + round, within the normal exponents.
template <class T>
inline T power_of_two(T n_plus_round) {
  using F = FloatFormat<T>;
  using Int = typename F::Int;
  const Int n = bits_as<Int>(n_plus_round) - bits_as<Int>(F::round);
  return bits_as<T>(static_cast<Int>((n + F::exponent_bias) << F::mantissa_bits));
}

// x = n ln 2 + r with |r| <= ln 2 / 2: gives exp(r) - 1 by its Taylor series, and n.
template <class T>
inline T reduced_expm1(T x, T& n) {
  using F = FloatFormat<T>;
  constexpr T log2_e = T(1.44269504088896340736);
  n = (x * log2_e + F::round) - F::round;
  const T r = madd(-n, F::ln2_low, madd(-n, F::ln2_high, x));
  constexpr T inverse_factorial[] = {T(1),
                                     T(1.0 / 2),
                                     T(1.0 / 6),
                                     T(1.0 / 24),
                                     T(1.0 / 120),
                                     T(1.0 / 720),
                                     T(1.0 / 5040),
                                     T(1.0 / 40320),
                                     T(1.0 / 362880),
                                     T(1.0 / 3628800),
                                     T(1.0 / 39916800),
                                     T(1.0 / 479001600),
                                     T(1.0 / 6227020800)};
  T p = inverse_factorial[F::terms - 1];
#pragma GCC unroll 16
  for (int i = F::terms - 2; i >= 0; --i) p = madd(p, r, inverse_factorial[i]);
  return p * r;
}

template <class T>
inline T clamp(T x, T low, T high) {
  x = x < low ? low : x;
  return x > high ? high : x;  // a NaN stays one
}

template <class T>
inline T exp(T x) {
  using F = FloatFormat<T>;
  T n;
  const T p = reduced_expm1(clamp(x, F::exp_min, F::exp_max), n) + T(1);
  // 2^n in two factors, as n itself may lie beyond the normal exponents.
  const T half = n * T(0.5) + F::round;
  const T rest = (n - (half - F::round)) + F::round;
  return p * power_of_two(half) * power_of_two(rest);
}

// exp(x) - 1, accurate near 0; for x <= 0.
template <class T>
inline T expm1_negative(T x) {
  using F = FloatFormat<T>;
  T n;
  const T p = reduced_expm1(clamp(x, T(-40), T(0)), n);
  const T scale = power_of_two(n + F::round);
  return madd(scale, p, scale - T(1));
}

template <class T>
inline T tanh(T x) {
  const T e = expm1_negative(T(-2) * (x < T(0) ? -x : x));
  const T t = -e / (e + T(2));
  return x < T(0) ? -t : t;
}

template <class T>
inline T sigmoid(T x) {
  return T(1) / (T(1) + exp(-x));
}

}  // namespace
}  // namespace nncore
