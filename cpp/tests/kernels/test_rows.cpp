// Kernels that work along a row. Costs are compared with their equations. Numbers beyond a row's
// end have no effect, and a number's position in a row does not change its bits.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "kernels/kernels.hpp"
#include "model/random.hpp"
#include "nncore/names.hpp"
#include "threads/memory.hpp"

using namespace nncore;

namespace test_rows {
namespace {

template <class T>
constexpr T nan = std::numeric_limits<T>::quiet_NaN();

// A row padded to whole cache lines with numbers that must have no effect.
template <class T>
struct Row {
  Buffer<T> memory;
  std::size_t size;

  Row(const std::vector<T>& values, T beyond) : size(padded<T>(values.size())) {
    T* p = memory.reserve(size);
    std::fill(std::copy(values.begin(), values.end(), p), p + size, beyond);
  }
  T* data() { return memory.data(); }
  bool operator==(const Row& other) const {
    return std::memcmp(memory.data(), other.memory.data(), size * sizeof(T)) == 0;
  }
};

const std::size_t row_sizes[] = {1, 2, 7, 8, 10, 15, 16, 17, 33, 300};

template <class T>
std::vector<T> uniform(std::size_t n, std::uint64_t seed, double low, double high) {
  const Philox random(seed, Stream::parameters, 0, 0);
  std::vector<T> x;
  for (std::size_t i = 0; i < n; ++i) {
    x.push_back(static_cast<T>(low + (high - low) * random.uniform(i)[0]));
  }
  return x;
}

// The cost of a row, and the sum of the absolute values of its terms.
template <class T>
std::pair<long double, long double> exact_cost(Cost cost, const std::vector<T>& z,
                                               const std::vector<T>& a, const std::vector<T>& y) {
  using R = long double;
  const R largest = *std::max_element(z.begin(), z.end());
  R total = 0, sizes = 0;
  R others = 0;  // the sum of exp(z - largest) without the term that is 1
  std::vector<T> ascending = z;
  std::sort(ascending.begin(), ascending.end());
  ascending.pop_back();
  for (const T zj : ascending) others += std::exp(R(zj) - largest);
  for (std::size_t j = 0; j < z.size(); ++j) {
    const R zj = z[j], aj = a[j], yj = y[j], d = std::abs(aj - yj);
    R term = 0, size = 0;
    switch (cost) {
      case Cost::quadratic:
        term = d * d / 2;
        break;
      case Cost::cross_entropy:
        term = yj * std::log1p(std::exp(-zj)) + (1 - yj) * std::log1p(std::exp(zj));
        break;
      case Cost::log_likelihood:
        term = yj * (std::log1p(others) + (largest - zj));
        break;
      case Cost::mean_absolute:
        term = d;
        break;
      case Cost::huber:
        term = d < 1 ? d * d / 2 : d - R(0.5);
        break;
      case Cost::poisson:
        term = aj - yj * zj;
        size = aj + std::abs(yj * zj);
        break;
      case Cost::pinball:
        term = d / 2;
        break;
      case Cost::gaussian:
        if (const std::size_t half = z.size() / 2; j < half) {
          const R v = std::exp(R(a[half + j])) + R(1e-12);
          term = (std::log(v) + d * d / v) / 2;
          size = (std::abs(std::log(v)) + d * d / v) / 2;
        }
        break;
      case Cost::focal:
      case Cost::binary_focal: {
        R rest = 0;  // of the other outputs
        for (std::size_t i = 0; i < z.size(); ++i) rest += i == j ? 0 : std::exp(R(z[i]));
        if (cost == Cost::focal && z.size() == 1) break;
        const R m = cost == Cost::focal ? zj - std::log(rest) : zj;
        const auto focal = [&](R x) {
          const R size_of_power = 2 * std::log1p(std::exp(x));
          const R value = std::exp(-size_of_power) * std::log1p(std::exp(-x));
          size += value * (1 + size_of_power);
          return value;
        };
        term = cost == Cost::focal ? yj * focal(m) : yj * focal(m) + (1 - yj) * focal(-m);
        break;
      }
      case Cost::custom:
        break;
    }
    total += term;
    sizes += std::max(size, std::abs(term));
  }
  return {total, sizes};
}

template <class T>
void test_cost(const Kernels<T>& k, Cost cost, const std::vector<T>& z, const std::vector<T>& a,
               const std::vector<T>& y) {
  const auto value = k.costs[cost].value;
  Row<T> zs(z, T(1e30)), as(a, T(1e30)), ys(y, T(1e30));
  Row<T> zn(z, nan<T>), an(a, nan<T>), yn(y, nan<T>);
  const double found = value({}, zs.data(), as.data(), ys.data(), z.size());
  const auto [exact, sizes] = exact_cost(cost, z, a, y);
  CAPTURE(std::string(name(cost)));
  CAPTURE(z.size());
  CAPTURE(found);
  CAPTURE(double(exact));
  CHECK(std::abs(found - exact) <= (sizeof(T) == 4 ? 1e-6L : 4e-15L) * sizes);
  CHECK(value({}, zn.data(), an.data(), yn.data(), z.size()) == found);
}

template <class T>
void test_costs(const Kernels<T>& k) {
  for (const std::size_t n : row_sizes) {
    const std::vector<T> z = uniform<T>(n, 1, -8, 8), y = uniform<T>(n, 2, 0, 1);
    std::vector<T> a = uniform<T>(n, 3, -2, 2), rate;
    for (const T zj : z) rate.push_back(std::exp(zj));
    for (std::size_t c = 0; c < cost_count; ++c) {
      test_cost(k, Cost(c), z, Cost(c) == Cost::poisson ? rate : a, y);
    }
    // One large output, correct or wrong and of several sizes; and all outputs equal.
    std::vector<T> label(n, T(0)), logits(n, T(0));
    label[n / 2] = 1;
    for (const T sure : {T(0), T(5), T(30), T(80)}) {
      logits[n / 2] = sure;
      test_cost(k, Cost::log_likelihood, logits, a, label);
      test_cost(k, Cost::cross_entropy, logits, a, label);
      logits[n / 2] = -sure;
      test_cost(k, Cost::log_likelihood, logits, a, label);
      test_cost(k, Cost::cross_entropy, logits, a, label);
    }
    std::vector<T> broken = z;
    broken[n - 1] = nan<T>;
    Row<T> row(broken, T(0)), labels(label, T(0));
    for (const Cost cost : {Cost::cross_entropy, Cost::log_likelihood, Cost::poisson}) {
      const auto value = k.costs[cost].value;
      CHECK(std::isnan(value({}, row.data(), row.data(), labels.data(), n)));
    }
  }
}

// A number's activation does not depend on its position in a row. Softmax does not depend on what
// lies beyond the row.
template <class T>
void test_positions(const Kernels<T>& k) {
  for (std::size_t a = 0; a < activation_count; ++a) {
    const auto apply = k.activations[Activation(a)].apply;
    if (Activation(a) == Activation::softmax) continue;
    CAPTURE(std::string(name(Activation(a))));
    for (const T x : uniform<T>(20, 4, -10, 10)) {
      Row<T> one({x}, T(0));
      apply(one.data(), one.size, 1, 1);
      const T alone = one.data()[0];
      for (const std::size_t n : row_sizes) {
        Row<T> row(std::vector<T>(n, x), T(0));
        apply(row.data(), row.size, 1, n);
        for (std::size_t j = 0; j < n; ++j) REQUIRE(row.data()[j] == alone);
      }
    }
  }
  for (const std::size_t n : row_sizes) {
    const std::vector<T> z = uniform<T>(n, 5, -20, 20);
    const auto apply = k.activations[Activation::softmax].apply;
    Row<T> zeros(z, T(0)), large(z, T(1e30)), nans(z, nan<T>);
    for (Row<T>* row : {&zeros, &large, &nans}) apply(row->data(), row->size, 1, n);
    for (const Row<T>* row : {&large, &nans}) {
      REQUIRE(std::memcmp(row->memory.data(), zeros.data(), n * sizeof(T)) == 0);
    }
  }
}

}  // namespace

TEST_CASE("costs of a row, and its activations") {
  for (const InstructionSet* set : available_instruction_sets()) {
    CAPTURE(std::string(set->name));
    test_costs(set->f32);
    if (std::numeric_limits<long double>::digits > 53) test_costs(set->f64);
    test_positions(set->f32);
    test_positions(set->f64);
  }
}

}  // namespace test_rows
