#include <cmath>
#include <cstdint>
#include <numbers>

#include "doctest/doctest.h"
#include "model/elementary.hpp"

namespace elementary = nncore::elementary;

namespace {

// Whether two doubles are the same or neighbours.
bool close(double a, double b) { return a == b || std::nextafter(a, b) == b; }

}  // namespace

// The values were computed with 200 digits and rounded once; C libraries miss some of them.
TEST_CASE("elementary functions give the double nearest to the true value") {
  CHECK(elementary::log(0x1.95f643c6c6d20p-1) == -0x1.db44f74041b9bp-3);
  CHECK(elementary::log(0x1.866f44ad1b8b8p-3) == -0x1.a848a3e567e0bp+0);
  CHECK(elementary::log(0x1.d83312d91e9c0p-1) == -0x1.4b75f6b44f567p-4);
  CHECK(elementary::log(0x1.fffffffffffffp-1) == -0x1.0000000000000p-53);
  CHECK(elementary::log(0x1.0000000000000p-53) == -0x1.25e4f7b2737fap+5);
  CHECK(elementary::sin_cos(0x1.a5d63fdf3a671p+1)[0] == -0x1.3a29d9afc658bp-3);
  CHECK(elementary::sin_cos(0x1.a90b4a45277b6p+1)[0] == -0x1.6cc469ef568bdp-3);
  CHECK(elementary::sin_cos(0x1.5fbb5deb0f50dp+1)[0] == 0x1.88cd6be153ddfp-2);
  CHECK(elementary::sin_cos(0x1.921fb54442d18p+1)[0] == 0x1.1a62633145c07p-53);
  CHECK(elementary::cos(0x1.21c2b5d0d2bedp+0) == 0x1.b3290820e18f3p-2);
  CHECK(elementary::cos(0x1.d042f12477c3cp+0) == -0x1.ec3bf869261a9p-3);
  CHECK(elementary::cos(0x1.b7afeeee99210p+0) == -0x1.2b6e0bbef86fdp-3);
  CHECK(elementary::cos(0x1.921fb54442d18p+0) == 0x1.1a62633145c07p-54);
  CHECK(elementary::pow(0x1.643cc19682884p+0, 83) == 0x1.7ae691274cf0ap+39);
  CHECK(elementary::pow(0x1.b19a33dc87d7fp-1, 15) == 0x1.529935ca74b60p-4);
  CHECK(elementary::pow(0x1.3bdb80e90e580p+0, 23) == 0x1.f627365748787p+6);
}

TEST_CASE("elementary functions are the C library's, or next to them") {
  std::uint64_t state = 88172645463325252u;
  for (int i = 0; i < 20'000; ++i) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    const double u = (static_cast<double>(state >> 11) + 1) * 0x1p-53;
    const double angle = 2 * std::numbers::pi * u;
    REQUIRE(close(elementary::log(u), std::log(u)));
    const auto [sine, cosine] = elementary::sin_cos(angle);
    REQUIRE(close(sine, std::sin(angle)));
    REQUIRE(close(cosine, std::cos(angle)));
    const double power = std::floor(u * 300);
    REQUIRE(close(elementary::pow(0.5 + u, power), std::pow(0.5 + u, power)));
  }
}

TEST_CASE("elementary functions are exact where they can be") {
  CHECK(elementary::log(1) == 0);
  CHECK(elementary::sin_cos(0)[0] == 0);
  CHECK(elementary::cos(0) == 1);
  CHECK(elementary::cos(std::numbers::pi) == -1);
  CHECK(elementary::pow(0.3, 0) == 1);
  CHECK(elementary::pow(0.3, 1) == 0.3);
  CHECK(elementary::pow(0.5, 30) == 0x1p-30);
  CHECK(elementary::pow(10, 2) == 100);
  CHECK(elementary::pow(1, 1e9) == 1);
  CHECK(elementary::pow(0.5, 1e9) == 0);
  CHECK(std::isinf(elementary::pow(2, 1e9)));
}
