// The largest absolute values of every instruction set, against a naive version.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/kernels.hpp"
#include "kernels/tables.hpp"

using namespace nncore;

namespace test_magnitudes {
namespace {

template <class T>
constexpr T infinity = std::numeric_limits<T>::infinity();

template <class T>
T largest(const std::vector<T>& x) {
  T most = 0;
  for (const T v : x) most = std::isnan(v) ? infinity<T> : std::max(most, std::abs(v));
  return most;
}

template <class T>
void test_dense(const Kernels<T>& k) {
  for (std::size_t n = 0; n <= 100; ++n) {
    std::vector<T> x(n);
    for (std::size_t i = 0; i < n; ++i) x[i] = T(int(i * 37 % 101) - 60);
    REQUIRE(k.largest_magnitude(x.data(), n) == largest(x));
    const bool from_zero = std::ranges::all_of(x, [](T v) { return v >= 0; });
    REQUIRE(k.largest_from_zero(x.data(), n) == (from_zero ? largest(x) : infinity<T>));
    for (T& v : x) v = std::abs(v);
    REQUIRE(k.largest_from_zero(x.data(), n) == largest(x));
    for (const T odd : {infinity<T>, -infinity<T>, std::numeric_limits<T>::quiet_NaN()}) {
      if (n == 0) continue;
      std::vector<T> with = x;
      with[n * 2 / 3] = odd;
      REQUIRE(k.largest_magnitude(with.data(), n) == infinity<T>);
      REQUIRE(k.largest_from_zero(with.data(), n) == infinity<T>);
    }
  }
}

// Rows 1 and 2 of three, over every width up to more than one block of columns.
template <class T>
void test_sparse(const Kernels<T>& k) {
  const std::vector<T> values = {T(50), T(-3), T(2), T(1), T(-4), T(0.5)};
  const std::vector<std::int32_t> columns = {0, 1, 3, 3, 5, 1};
  const std::vector<std::int64_t> offsets = {0, 1, 3, 6};
  const SparseRows<T> x{{values.data(), columns.data(), offsets.data(), 3, 7}, {}, nullptr, 1};
  for (std::size_t n = 1; n <= 100; ++n) {
    constexpr std::size_t line = cache_line / sizeof(T);
    const std::size_t stride = (n + line - 1) / line * line;
    std::vector<T> w(7 * stride, T(0));
    for (const std::size_t unmet : {0, 2, 4, 6}) w[unmet * stride] = infinity<T>;
    for (std::size_t j = 0; j < n; ++j) {
      for (const std::size_t met : {1, 3, 5}) {
        std::vector<T> here = w;
        here[met * stride + j] = T(-7);
        here[stride] = j == 0 && met == 1 ? T(-7) : T(6);
        const SparseLargest<T> found = k.sparse_largest(x, 2, n, here.data(), stride);
        REQUIRE(found.x == T(4));
        REQUIRE(found.w == T(7));
        here[met * stride + j] = std::numeric_limits<T>::quiet_NaN();
        REQUIRE(k.sparse_largest(x, 2, n, here.data(), stride).w == infinity<T>);
      }
    }
  }
  REQUIRE(k.sparse_largest(x, 2, 0, nullptr, 0).x == T(4));
}

}  // namespace

TEST_CASE_TEMPLATE("largest magnitudes agree with their naive versions", T, float, double) {
  for (const InstructionSet* set : available_instruction_sets()) {
    CAPTURE(std::string(set->name));
    test_dense(table<T>(*set));
    test_sparse(table<T>(*set));
  }
}

}  // namespace test_magnitudes
