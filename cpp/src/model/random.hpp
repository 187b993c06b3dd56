// Random numbers without a state: Philox4x32-10, a counter-based generator (Salmon et al.,
// "Parallel Random Numbers: As Easy as 1, 2, 3", 2011). The same key and counter give the same
// numbers on any thread, in any order.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "model/elementary.hpp"

namespace nncore {

// What numbers are drawn for; part of the counter, so that uses never share numbers.
enum class Stream : std::uint32_t { parameters = 1, shuffle = 2, dropout = 3, distortion = 4 };

// The high half of a * b, on machines without 128-bit integers too.
constexpr std::uint64_t high_half(std::uint64_t a, std::uint64_t b) {
  constexpr std::uint64_t low = 0xFFFFFFFFu;
  const std::uint64_t inner = (a >> 32) * (b & low) + ((a & low) * (b & low) >> 32);
  const std::uint64_t outer = (a & low) * (b >> 32) + (inner & low);
  return (a >> 32) * (b >> 32) + (inner >> 32) + (outer >> 32);
}

using Random4 = std::array<std::uint32_t, 4>;

inline Random4 philox(std::uint64_t key, Random4 counter) {
  auto key0 = static_cast<std::uint32_t>(key);
  auto key1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * counter[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {
        static_cast<std::uint32_t>(p1 >> 32) ^ counter[1] ^ key0, static_cast<std::uint32_t>(p1),
        static_cast<std::uint32_t>(p0 >> 32) ^ counter[3] ^ key1, static_cast<std::uint32_t>(p0)};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}

// The numbers of one use: block i of (seed, stream, a, b) holds four 32-bit integers. The epoch
// and such go into a, the layer and such into b.
class Philox {
 public:
  Philox(std::uint64_t seed, Stream stream, std::uint64_t a, std::uint32_t b)
      : key_(seed ^ (a >> 32) * 0x9E3779B97F4A7C15u),
        a_(static_cast<std::uint32_t>(a)),
        b_(static_cast<std::uint32_t>(stream) << 28 | (b & 0x0FFFFFFFu)) {}

  std::uint64_t key() const { return key_; }
  Random4 counter(std::uint64_t block) const {
    return {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), a_, b_};
  }
  Random4 operator()(std::uint64_t block) const { return philox(key_, counter(block)); }

  static std::uint64_t bits64(std::uint32_t high, std::uint32_t low) {
    return std::uint64_t{high} << 32 | low;
  }

  // Two numbers uniform in (0, 1].
  std::array<double, 2> uniform(std::uint64_t block) const {
    const Random4 r = (*this)(block);
    const auto unit = [](std::uint64_t bits) {
      return (static_cast<double>(bits >> 11) + 1) * 0x1p-53;
    };
    return {unit(bits64(r[0], r[1])), unit(bits64(r[2], r[3]))};
  }

  // Two numbers from N(0, 1), by Box and Muller.
  std::array<double, 2> normal(std::uint64_t block) const {
    const auto [u, v] = uniform(block);
    const double radius = std::sqrt(-2 * elementary::log(u));
    const auto [sine, cosine] = elementary::sin_cos(2 * std::numbers::pi * v);
    return {radius * cosine, radius * sine};
  }

 private:
  std::uint64_t key_;
  std::uint32_t a_, b_;
};

}  // namespace nncore
