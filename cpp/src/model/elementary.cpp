#include "model/elementary.hpp"

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace nncore::elementary {
namespace {

// The sum of two doubles, the second at most half a unit in the last place of the first.
struct Pair {
  double high = 0, low = 0;
};

// a + b without an error (Knuth); the second one where |a| >= |b| (Dekker).
constexpr Pair sum(double a, double b) {
  const double s = a + b, part = s - a;
  return {s, (a - (s - part)) + (b - part)};
}
constexpr Pair ordered_sum(double a, double b) {
  const double s = a + b;
  return {s, b - (s - a)};
}

// The upper 26 bits (Veltkamp).
constexpr double upper(double a) {
  const double c = 0x1.0000002p27 * a;
  return c - (c - a);
}

// a b without an error (Dekker).
constexpr Pair product(double a, double b) {
  const double p = a * b, a1 = upper(a), a2 = a - a1, b1 = upper(b), b2 = b - b1;
  return {p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2};
}

constexpr Pair operator+(Pair a, Pair b) {
  const Pair s = sum(a.high, b.high);
  return ordered_sum(s.high, s.low + (a.low + b.low));
}
constexpr Pair operator-(Pair a) { return {-a.high, -a.low}; }
constexpr Pair operator*(Pair a, Pair b) {
  const Pair p = product(a.high, b.high);
  return ordered_sum(p.high, p.low + (a.high * b.low + a.low * b.high));
}
constexpr Pair operator/(Pair a, double b) {
  const double q = a.high / b;
  const Pair back = product(q, b);
  return ordered_sum(q, (((a.high - back.high) - back.low) + a.low) / b);
}
constexpr Pair scaled(Pair a, double power_of_two) {
  return {a.high * power_of_two, a.low * power_of_two};
}

constexpr Pair one{1, 0};
constexpr Pair ln2{0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56};

// ---- logarithm
// -----------------------------------------------------------------------------------

// x = 2^exponent m, with m from sqrt(1/2) to sqrt(2). A reciprocal r of few bits, of the nearest
// i / 128, leaves log(m) = log(1 + z) - log(r), where z = m r - 1 is small, and exact.
constexpr int log_first = 90, log_last = 182;

struct LogStep {
  double reciprocal = 0;
  Pair log;  // of 1 / reciprocal
};

// log(1 + z) - z = -z^2 / 2 + z^3 / 3 - ..., all of it in pairs; |z| is below a half.
constexpr Pair log1p_slowly(double z) {
  Pair total, power{1, 0};
  for (int k = 1; k <= 110; ++k) {
    power = power * Pair{z, 0};
    total = total + (k % 2 ? power / k : -(power / k));
  }
  return total;
}

constexpr auto log_steps = [] {
  std::array<LogStep, log_last - log_first + 1> steps{};
  for (int i = log_first; i <= log_last; ++i) {
    const auto numerator = static_cast<int>(1024.0 * 128 / i + 0.5);
    const double r = numerator / 1024.0;
    steps[static_cast<std::size_t>(i - log_first)] = {r, -log1p_slowly(r - 1)};
  }
  return steps;
}();

struct LogParts {
  Pair z, rest;  // log(x) = log(1 + z) + rest
};

LogParts log_parts(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  int exponent = static_cast<int>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000);
  if (m > 1.4142135623730951) {
    m /= 2;
    ++exponent;
  }
  const auto i = static_cast<std::size_t>(static_cast<int>(m * 128 + 0.5) - log_first);
  const LogStep& step = log_steps[i];
  const double m1 = upper(m), m2 = m - m1;
  const Pair z = sum(m1 * step.reciprocal - 1, m2 * step.reciprocal);
  // ln2's first 42 bits times an exponent are exact.
  constexpr double first = 0x1.62e42fefa38p-1;
  constexpr Pair others = sum(ln2.high - first, ln2.low);
  const Pair scale = ordered_sum(exponent * first, exponent * others.high);
  return {z, scale + Pair{step.log.high, step.log.low + exponent * others.low}};
}

// ---- sine and cosine
// -----------------------------------------------------------------------------

// pi in parts of 44 bits, whose multiples of up to nine bits are exact.
constexpr double pi1 = 0x1.921fb54442cp1, pi2 = 0x1.18469898cc4p-43, pi3 = 0x1.1701b839a252p-87;

// sin(i pi / 256) of a quarter turn.
constexpr std::size_t quarter = 128;

constexpr auto sines = [] {
  std::array<Pair, quarter + 1> table{};
  for (std::size_t i = 0; i < quarter; ++i) {
    const double part = static_cast<double>(i) / (2 * quarter);
    const Pair angle = ordered_sum(part * pi1, part * pi2);
    const Pair square = angle * angle;
    Pair term = angle, total = angle;
    for (int k = 2; k < 36; k += 2) {
      term = -(term * square / (k * (k + 1)));
      total = total + term;
    }
    table[i] = total;
  }
  table[quarter] = {1, 0};
  return table;
}();

// Of i pi / 256.
Pair sine_of(std::size_t i) {
  const std::size_t in_half = i % (2 * quarter);
  const Pair s = sines[in_half <= quarter ? in_half : 2 * quarter - in_half];
  return i / (2 * quarter) % 2 ? -s : s;
}

// s + s w + c (r + r v), where w and r v are small.
double turned(Pair s, Pair c, Pair r, double v, double w) {
  const Pair turn = product(c.high, r.high);
  const Pair total = sum(s.high, turn.high);
  const double rest = turn.low + (c.high * r.low + c.low * r.high) + c.high * (r.high * v);
  return total.high + (total.low + (s.low + (rest + s.high * w)));
}

}  // namespace

double log(double x) noexcept {
  const auto [z, rest] = log_parts(x);
  const double t = z.high;
  Pair square = product(t, t);
  square.low += 2 * t * z.low;
  const double tail =
      t * square.high *
      (1.0 / 3 + t * (-1.0 / 4 +
                      t * (1.0 / 5 + t * (-1.0 / 6 +
                                          t * (1.0 / 7 + t * (-1.0 / 8 +
                                                              t * (1.0 / 9 + t * (-1.0 / 10))))))));
  const Pair start = rest + z;
  const Pair total = sum(start.high, -square.high / 2);
  return total.high + (total.low + (start.low + (tail - square.low / 2)));
}

std::array<double, 2> sin_cos(double angle) noexcept {
  // angle = i pi / 256 + r
  const double n = std::floor(angle * (2 * quarter / 3.14159265358979312) + 0.5);
  const double part = n / (2 * quarter);
  Pair r = sum(angle - part * pi1, -(part * pi2));  // the first difference is exact
  r = ordered_sum(r.high, r.low - part * pi3);

  // sin(r) = r + r v, cos(r) = 1 + w
  const double u = r.high * r.high;
  const double v = u * (-1.0 / 6 + u * (1.0 / 120 - u / 5040));
  const double w = u * (-1.0 / 2 + u * (1.0 / 24 + u * (-1.0 / 720 + u / 40320))) - r.high * r.low;
  const auto i = static_cast<std::size_t>(n);
  const Pair s = sine_of(i), c = sine_of(i + quarter);
  return {turned(s, c, r, v, w), turned(c, -s, r, v, w)};
}

double pow(double x, double power) noexcept {
  // The logarithm in pairs, times the power.
  const auto [z, rest] = log_parts(x);
  const double t = z.high;
  Pair series{1.0 / 7 + t * (-1.0 / 8 + t * (1.0 / 9 + t * (-1.0 / 10 + t * (1.0 / 11 - t / 12)))),
              0};
  for (int k = 6; k >= 1; --k) series = (k % 2 ? one : -one) / k + series * z;
  const Pair exponent = (rest + series * z) * Pair{power, 0};
  if (!(exponent.high < 800)) return HUGE_VAL;
  if (exponent.high < -800) return 0;

  // exp = 2^n (exp((exponent - n ln2) / 256))^256
  const double n = std::floor(exponent.high / ln2.high + 0.5);
  const Pair r = scaled(exponent + -(product(n, ln2.high) + product(n, ln2.low)), 1.0 / 256);
  Pair total = one, term = one;
  for (int k = 1; k <= 12; ++k) {
    term = term * r / k;
    total = total + term;
  }
  for (int i = 0; i < 8; ++i) total = total * total;
  return std::ldexp(total.high + total.low, static_cast<int>(n));
}

}  // namespace nncore::elementary
