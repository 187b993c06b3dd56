// Elementary functions without branches, calls or tables, so that loops over them become vector
// code. Every operation is an IEEE one or an explicit fused multiply-add: the bits do not depend
// on the vector width. Included by each instruction set's own file, hence the unnamed namespace.
//
// Largest errors of results from 2^-118 (2^-1014) up, in units in the last place. Smaller results
// are off by no more than the smallest of these. test_math.cpp measures them through the
// activations.
//
//   exp, expm1_negative   1.1
//   tanh                  2
//   sigmoid               2.5
//   log1p_positive        1.5
//   bell                  1.5
//   normal_cdf            4, without fused multiply-adds 5
//
// exp is 0 where it would be less than about 2^-125 (2^-1021): denormal numbers are slow, and
// nothing here needs them.
//
// The polynomials are minimax fits (Remez's exchange algorithm, in 60 digits) with the errors
// given beside them, less than what the operations lose to rounding.
#pragma once

#include <cstdint>

namespace nncore {
namespace {

#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define NNCORE_FMA 1
#else
#define NNCORE_FMA 0
#endif

// a * b + c, rounded once where the instruction set has a fused multiply-add.
inline float madd(float a, float b, float c) {
  return NNCORE_FMA ? __builtin_fmaf(a, b, c) : a * b + c;
}
inline double madd(double a, double b, double c) {
  return NNCORE_FMA ? __builtin_fma(a, b, c) : a * b + c;
}

// Built-ins under one name for both widths.
inline float square_root(float x) { return __builtin_sqrtf(x); }
inline double square_root(double x) { return __builtin_sqrt(x); }
inline float magnitude(float x) { return __builtin_fabsf(x); }
inline double magnitude(double x) { return __builtin_fabs(x); }
inline float with_sign(float x, float sign) { return __builtin_copysignf(x, sign); }
inline double with_sign(double x, double sign) { return __builtin_copysign(x, sign); }

template <class To, class From>
constexpr To bits_as(From x) {
  static_assert(sizeof(To) == sizeof(From));
  return __builtin_bit_cast(To, x);
}

template <class T>
struct FloatFormat;

template <>
struct FloatFormat<float> {
  using Bits = std::uint32_t;
  using Index = std::int32_t;  // of a lane, as wide as it
  static constexpr int mantissa_bits = 23, exponent_bias = 127;
  static constexpr float round = 12582912.0f;      // 1.5 * 2^23: adding it rounds to an integer
  static constexpr float ln2_high = 0.693359375f;  // times an exponent, it is exact
  static constexpr float ln2_low = -2.12194440e-4f;
  static constexpr float exp_min = -87.3f;  // exp is 0 from here down: n = -126

  // (exp(r) - 1 - r) / r^2 for |r| <= ln 2 / 2; 3.1e-9 of exp(r).
  static constexpr float exp_terms[] = {0.49999993432139293f, 0.16666520399089513f,
                                        0.041668390784188529f, 0.0083687451065904118f,
                                        0.0013814540066134472f};
  // (log(1 + f) / s - 2) / z where s = f / (2 + f), z = s^2 <= (sqrt 2 - 1)^4; 8.1e-10 of log.
  static constexpr float log_terms[] = {0.66666776702606970f, 0.39977495533406860f,
                                        0.29873094258887671f};
  // Phi(-t) exp(t^2 / 2) = q(t) / (p(t) + c t q(t)) for 0 <= t <= 13.3, with 1 / (c t) for large t:
  // what q loses to rounding then cancels. Each coefficient was rounded before the next was
  // fitted; 8.9e-9 of Phi.
  static constexpr float normal_c = 2.5f;
  static constexpr float normal_p[] = {1.5f,        0.6268297f,    0.15724409f,
                                       0.01655031f, 0.0004069904f, 0.00003945873f};
  static constexpr float normal_q[] = {0.75f, 0.6525012f, 0.2711655f, 0.059698794f, 0.0059862314f};
};

template <>
struct FloatFormat<double> {
  using Bits = std::uint64_t;
  using Index = std::int64_t;
  static constexpr int mantissa_bits = 52, exponent_bias = 1023;
  static constexpr double round = 6755399441055744.0;  // 1.5 * 2^52
  static constexpr double ln2_high = 6.93147180369123816490e-01;
  static constexpr double ln2_low = 1.90821492927058770002e-10;
  static constexpr double exp_min = -708.3;

  // The same three: 3.6e-18 of exp(r), 1.2e-18 of log, 2.9e-17 of Phi for 0 <= t <= 37.8.
  static constexpr double exp_terms[] = {0.50000000000000106686,     0.16666666666666411505,
                                         0.041666666666529728828,    0.0083333333334949804391,
                                         0.0013888888943759891465,   0.00019841269505766048109,
                                         0.000024801492949665845111, 2.7557586811278568101e-6,
                                         2.7630306247634376788e-7,   2.5000016378619278682e-8};
  static constexpr double log_terms[] = {0.6666666666666734887,  0.39999999999411137445,
                                         0.28571428743254157815, 0.22222198476759031321,
                                         0.18183569703431984869, 0.15313904103672433618,
                                         0.14797499718180075808};
  static constexpr double normal_c = 2.5066282746310007;
  static constexpr double normal_p[] = {1.5,
                                        1.8555432073513294,
                                        1.1740193311286682,
                                        0.48223508917159275,
                                        0.1396549757173899,
                                        0.02935042219391343,
                                        0.004464243354352867,
                                        0.0004744306432268431,
                                        3.21397267846587e-05,
                                        1.0699446992842924e-06};
  static constexpr double normal_q[] = {0.75,
                                        1.2693437860601409,
                                        1.0626415392229758,
                                        0.5696389364668585,
                                        0.21468505741213503,
                                        0.059199266333976576,
                                        0.012085105251879098,
                                        0.0018066191848415745,
                                        0.00019012413566353424,
                                        1.2821895887785005e-05,
                                        4.268461782744193e-07};
};

template <class T, int N>
inline T polynomial(T x, const T (&terms)[N]) {
  T p = terms[N - 1];
#pragma GCC unroll 32
  for (int i = N - 2; i >= 0; --i) p = madd(p, x, terms[i]);
  return p;
}

template <class T>
inline T at_least(T x, T low) {
  return x < low ? low : x;  // a NaN stays one
}

// For x >= 0, and not for a NaN. Compares the bits, which are in the same order: two selections of
// floating-point numbers in a row would become branches.
template <class T>
inline T at_most(T x, T high) {
  using Index = typename FloatFormat<T>::Index;
  const Index bits = bits_as<Index>(x), most = bits_as<Index>(high);
  return bits_as<T>(bits < most ? bits : most);
}

// For x >= 0; a NaN stays one, as its bits are beyond those of infinity.
template <class T>
inline T at_most_or_nan(T x, T high) {
  using Bits = typename FloatFormat<T>::Bits;
  const Bits bits = bits_as<Bits>(x), most = bits_as<Bits>(high);
  const Bits infinity = bits_as<Bits>(T(__builtin_inf()));
  return bits_as<T>(bits - most <= infinity - most ? most : bits);
}

// exp(x) = (1 + p) 2^n, p = exp(r) - 1, with x = n ln 2 + r and |r| <= ln 2 / 2; scale is
// 2^(n + shift), and 0 if n + shift is just below the exponents of normal numbers. Above them it
// stays at the largest: r and p grow instead, to infinity in the end.
template <class T>
struct ScaledExp {
  T p, scale;
};

template <int shift, class T>
inline ScaledExp<T> scaled_exp(T x) {
  using F = FloatFormat<T>;
  using Bits = typename F::Bits;
  // The last bit of this number is a 1, and the lowest ones are the exponent field of 2^shift;
  // with n added they are that of the scale.
  constexpr T start = F::round + T(F::exponent_bias + shift);
  constexpr T most = F::round + T(2 * F::exponent_bias);
  const T exponent = at_most(madd(x, T(1.44269504088896340736), start), most);
  const T scale = bits_as<T>(static_cast<Bits>(bits_as<Bits>(exponent) << F::mantissa_bits));
  const T n = exponent - start;
  const T r = madd(-n, F::ln2_low, madd(-n, F::ln2_high, x));
  return {madd(r * r, polynomial(r, F::exp_terms), r), scale};
}

template <class T>
inline T exp(T x) {
  // Half the scale, as the whole would overflow too soon.
  const auto [p, half] = scaled_exp<-1>(at_least(x, FloatFormat<T>::exp_min));
  return madd(p, T(2), T(2)) * half;
}

// exp(x) - 1, accurate near 0; for x <= 0.
template <class T>
inline T expm1_negative(T x) {
  const auto [p, scale] = scaled_exp<0>(at_least(x, T(-40)));  // -1 there
  return madd(scale, p, scale - T(1));
}

// e / (e + 2) with e = exp(-2 |x|) - 1.
template <class T>
inline T tanh(T x) {
  const auto [p, scale] = scaled_exp<0>(at_least(T(-2) * magnitude(x), T(-40)));
  return with_sign(madd(scale, p, scale - T(1)) / madd(scale, p, scale + T(1)), x);
}

// 1 / (1 + exp(-x)).
template <class T>
inline T sigmoid(T x) {
  const auto [p, scale] = scaled_exp<0>(at_least(-x, FloatFormat<T>::exp_min));
  return T(1) / madd(scale, p, scale + T(1));
}

// Beyond it sigmoid is 0 or 1.
template <class T>
inline constexpr T sigmoid_end = 1000;

// log(1 + x), accurate near 0; for 0 <= x < 2^127 (2^1023). With 1 + x = 2^n m, m in
// [sqrt 1/2, sqrt 2), f = m - 1 and s = f / (2 + f):
// log m = 2 atanh(s) = f - f^2 / 2 + s (f^2 / 2 + s^2 polynomial(s^2)).
template <class T>
inline T log1p_positive(T x) {
  using F = FloatFormat<T>;
  using Bits = typename F::Bits;
  constexpr Bits bias = F::exponent_bias, unit = Bits(1) << F::mantissa_bits;
  constexpr Bits root_half = bits_as<Bits>(T(0.70710678118654752440));
  const T sum = T(1) + x, added = sum - T(1);
  const T lost = (T(1) - (sum - added)) + (x - added);  // Knuth's error of a sum; keeps a NaN

  const Bits shifted = static_cast<Bits>(bits_as<Bits>(sum) - root_half + bias * unit);
  const Bits exponent = shifted >> F::mantissa_bits;  // n + bias
  const T m = bits_as<T>(static_cast<Bits>((shifted & (unit - 1)) + root_half));
  const T n = bits_as<T>(static_cast<Bits>(bits_as<Bits>(T(unit)) | exponent)) - T(unit + bias);
  const T inverse = bits_as<T>(static_cast<Bits>((2 * bias - exponent) << F::mantissa_bits));

  const T f = madd(lost, inverse, m - T(1));
  const T s = f / (f + T(2));
  const T z = s * s;
  const T half_square = T(0.5) * f * f;
  const T inner = madd(z, polynomial(z, F::log_terms), half_square);
  return madd(n, F::ln2_high, f - (half_square - madd(s, inner, n * F::ln2_low)));
}

// What rounding x^2 to `square` lost.
template <class T>
inline T square_error(T x, T square) {
#if NNCORE_FMA
  return madd(x, x, -square);
#else
  using F = FloatFormat<T>;
  using Bits = typename F::Bits;
  constexpr Bits upper_half = ~((Bits(1) << (F::mantissa_bits / 2 + 1)) - 1);
  const T high = bits_as<T>(bits_as<Bits>(x) & upper_half), low = x - high;  // Dekker's product
  return ((high * high - square) + T(2) * high * low) + low * low;
#endif
}

// Beyond it the tails of the normal distribution are 0.
template <class T>
inline constexpr T normal_end = 40;

// exp(-z^2 / 2). Neither this nor normal_cdf is for a NaN.
template <class T>
inline T bell(T z) {
  z = at_most(magnitude(z), normal_end<T>);
  const T square = z * z;
  const T e = exp(T(-0.5) * square);
  return madd(e * square_error(z, square), T(-0.5), e);
}

// The normal distribution function, given bell(z).
template <class T>
inline T normal_cdf(T z, T bell_of_z) {
  using F = FloatFormat<T>;
  const T t = at_most(magnitude(z), normal_end<T>);
  const T q = polynomial(t, F::normal_q);
  const T tail = bell_of_z * q / madd(F::normal_c * t, q, polynomial(t, F::normal_p));
  return z < T(0) ? tail : T(1) - tail;
}

}  // namespace
}  // namespace nncore
