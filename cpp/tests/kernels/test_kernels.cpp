// Every kernel of every instruction set that this machine has, against a naive version, at odd
// sizes.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "kernels/activations.hpp"
#include "kernels/costs.hpp"
#include "kernels/kernels.hpp"
#include "kernels/matrix.hpp"
#include "kernels/of_many.hpp"
#include "kernels/tables.hpp"
#include "nncore/names.hpp"
#include "threads/memory.hpp"

using namespace nncore;

namespace test_kernels {
namespace {

const std::size_t odd_sizes[] = {1, 2, 7, 15, 16, 17, 31, 33};

// An epilogue that shows where it was called twice, too early or not at all.
template <class T>
void doubled(const void* stride, T* block, std::size_t m, std::size_t n) {
  REQUIRE(reinterpret_cast<std::uintptr_t>(block) % cache_line == 0);
  for (std::size_t i = 0; i < m; ++i, block += *static_cast<const std::size_t*>(stride)) {
    for (std::size_t j = 0; j < n; ++j) block[j] *= 2;
  }
}

template <class T>
void test_matmul(const Kernels<T>& k, std::size_t m, std::size_t n, std::size_t inner) {
  std::vector<T> panel(panel_elements);
  for (const bool a_transposed : {false, true}) {
    for (const int start : {0, 1, 2}) {  // zero, bias, accumulate
      Matrix<T> a(a_transposed ? inner : m, a_transposed ? m : inner, 1), b(inner, n, 2),
          c(m, n, 3), before(m, n, 3), bias(1, n, 4);
      const T scale = T(0.25);
      for (std::size_t p = 0; p < inner; p += 1 + p % 3) a.at(0, p) = T(0);  // the product skips it
      k.matmul({.m = m,
                .n = n,
                .k = inner,
                .a = a.data(),
                .a_row = a_transposed ? 1 : a.stride,
                .a_col = a_transposed ? a.stride : 1,
                .b = b.data(),
                .b_row = b.stride,
                .c = c.data(),
                .c_row = c.stride,
                .bias = start == 1 ? bias.data() : nullptr,
                .accumulate = start == 2,
                .scale = scale,
                .epilogue = doubled<T>,
                .context = &c.stride},
               panel.data());
      const std::size_t row = a_transposed ? 1 : a.stride, column = a_transposed ? a.stride : 1;
      for (std::size_t i = 0; i < m; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
          double sum = 0;
          const T *x = a.data() + i * row, *y = b.data() + j;
          for (std::size_t p = 0; p < inner; ++p, x += column, y += b.stride) {
            sum += double(*x) * double(*y);
          }
          const double from =
              start == 1 ? double(bias.at(0, j)) : (start == 2 ? double(before.at(i, j)) : 0);
          check_close<T>(c.at(i, j), 2 * (from + 0.25 * sum), 2 * std::sqrt(double(inner)));
        }
      }
      c.check_padding();
    }
  }
}

template <class T>
void test_matmul_rows(const Kernels<T>& k, std::size_t m, std::size_t n, std::size_t inner) {
  Matrix<T> a(m, inner, 1), b(n, inner, 2), c(m, n, 3);
  k.gemm_nt(m, n, inner, a.data(), a.stride, b.data(), b.stride, c.data(), c.stride);
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      double sum = 0;
      for (std::size_t p = 0; p < inner; ++p) sum += double(a.at(i, p)) * double(b.at(j, p));
      check_close<T>(c.at(i, j), sum, std::sqrt(double(inner)));
    }
  }
  c.check_padding();
}

template <class T>
void test_transpose(const Kernels<T>& k, std::size_t rows, std::size_t cols) {
  Matrix<T> in(rows, cols, 1), out(cols, rows, 2);
  k.transpose(in.data(), in.stride, rows, cols, out.data(), out.stride);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < cols; ++j) REQUIRE_OF_MANY(out.at(j, i) == in.at(i, j), i);
  }
  out.check_padding();
}

template <class T>
void test_sparse(const Kernels<T>& k, std::size_t m, std::size_t n, std::size_t in) {
  // Row i has i % (in + 1) values. Some rows name a column twice.
  std::vector<T> values;
  std::vector<std::int32_t> columns;
  std::vector<std::int64_t> offsets = {0};
  Matrix<T> dense(m, in, 9);
  std::fill_n(dense.data(), m * dense.stride, T(0));
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t p = 0; p < i % (in + 1); ++p) {
      const std::size_t column = (p * p + i) % in;
      values.push_back(T(0.5) - T(p) / T(8));
      columns.push_back(static_cast<std::int32_t>(column));
      dense.at(i, column) += values.back();
    }
    offsets.push_back(static_cast<std::int64_t>(values.size()));
  }
  std::vector<std::int64_t> ids;  // the rows in reverse order
  for (std::size_t i = m; i-- > 0;) ids.push_back(static_cast<std::int64_t>(i));
  const SparseRows<T> x{{values.data(), columns.data(), offsets.data(), m, in}, {}, ids.data(), 0};

  Matrix<T> w(in, n, 1), bias(1, n, 2), c(m, n, 3), rest(m, n, 3), d(m, n, 4), g(in, n, 5),
      before(in, n, 5);
  k.sparse_matmul(x, Part::lower, m, n, w.data(), w.stride, T(0.5), bias.data(), c.data(),
                  c.stride);
  k.sparse_matmul(x, Part::upper, m, n, w.data(), w.stride, T(0.5), nullptr, rest.data(),
                  rest.stride);
  k.add(c.data(), rest.data(), m * c.stride);
  for (const Part part : {Part::lower, Part::upper}) {
    k.sparse_gradient(x, part, m, n, T(0.25), d.data(), d.stride, g.data(), g.stride);
  }
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = 0; j < n; ++j) d.at(i, j) *= T(0.25);
  }

  // The same rows in CSC.
  std::vector<std::int32_t> starts(in + 1);
  std::vector<typename SparseColumns<T>::Entry> entries;
  for (std::size_t column = 0; column < in; ++column) {
    for (std::size_t i = 0; i < m; ++i) {
      const auto id = static_cast<std::size_t>(ids[i]);
      for (auto p = offsets[id]; p < offsets[id + 1]; ++p) {
        if (columns[std::size_t(p)] != std::int32_t(column)) continue;
        entries.push_back({values[std::size_t(p)], std::int32_t(i)});
      }
    }
    starts[column + 1] = static_cast<std::int32_t>(entries.size());
  }
  const SparseColumns<T> by_column{starts.data(), entries.data(), in};
  Matrix<T> g2(in, n, 5);
  k.sparse_gradient_columns(by_column, n, d.data(), d.stride, g2.data(), g2.stride, false);
  Matrix<T> g3(in, n, 6);
  k.sparse_gradient_columns(by_column, n, d.data(), d.stride, g3.data(), g3.stride, true);
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t i = 0; i < m; ++i) {
      double sum = double(bias.at(0, j));
      for (std::size_t p = 0; p < in; ++p)
        sum += 0.5 * double(dense.at(m - 1 - i, p)) * double(w.at(p, j));
      check_close<T>(c.at(i, j), sum, std::sqrt(double(in)));
    }
    for (std::size_t p = 0; p < in; ++p) {
      double sum = double(before.at(p, j));
      for (std::size_t i = 0; i < m; ++i) {
        sum += double(dense.at(m - 1 - i, p)) * double(d.at(i, j));
      }
      check_close<T>(g.at(p, j), sum, std::sqrt(double(m)));
      check_close<T>(g2.at(p, j), sum, std::sqrt(double(m)));
      check_close<T>(g3.at(p, j), sum - double(before.at(p, j)), std::sqrt(double(m)));
    }
  }
  c.check_padding();
  g.check_padding();
}

template <class T>
void test_column_sums(const Kernels<T>& k, std::size_t m, std::size_t n) {
  Matrix<T> d(m, n, 1), sum(1, n, 2), before(1, n, 2);
  k.column_sums(d.data(), d.stride, m, n, T(0.5), sum.data());
  for (std::size_t j = 0; j < n; ++j) {
    double expected = double(before.at(0, j));
    for (std::size_t i = 0; i < m; ++i) expected += 0.5 * double(d.at(i, j));
    check_close<T>(sum.at(0, j), expected, std::sqrt(double(m)));
  }
}

// The scalar functions are templates that the kernels run on vectors. They are compared with long
// double and libm, which share no code with them.
long double exact(Activation a, long double z) {
  const auto sigmoid = [](long double x) { return 1 / (1 + std::exp(-x)); };
  switch (a) {
    case Activation::sigmoid:
      return sigmoid(z);
    case Activation::tanh:
      return std::tanh(z);
    case Activation::relu:
      return z > 0 ? z : 0;
    case Activation::leaky_relu:
      return z > 0 ? z : 0.01L * z;
    case Activation::elu:
      return z > 0 ? z : std::expm1(z);
    case Activation::gelu:
      return z * std::erfc(-z / std::sqrt(2.0L)) / 2;
    case Activation::silu:
      return z * sigmoid(z);
    case Activation::softplus:
      return z > 0 ? z + std::log1p(std::exp(-z)) : std::log1p(std::exp(z));
    case Activation::selu:
      return 1.0507009873554804934L * (z > 0 ? z : 1.6732632423543772848L * std::expm1(z));
    case Activation::relu6:
      return z > 0 ? std::min(z, 6.0L) : 0;
    case Activation::mish:
      return z * std::tanh(z > 0 ? z + std::log1p(std::exp(-z)) : std::log1p(std::exp(z)));
    case Activation::gelu_tanh:
      return z * sigmoid(2 * std::sqrt(2 / std::numbers::pi_v<long double>) *
                         (z + 0.044715L * z * z * z));
    case Activation::linear:
      return z;
    case Activation::exponential:
      return std::exp(z);
    case Activation::step:
      return z > 0 ? 1 : 0;
    case Activation::softmax:
      break;
  }
  return 0;
}

template <class T>
void test_activation(const Kernels<T>& k, Activation a) {
  std::vector<T> z;
  for (int i = -4000; i <= 4000; ++i) z.push_back(static_cast<T>(i) / T(200));
  for (const double extreme : {1e-30, 1e-8, 1e-3, 50.0, 87.0, 88.6, 100.0, 1e4, 1e30}) {
    z.push_back(static_cast<T>(extreme));
    z.push_back(static_cast<T>(-extreme));
  }
  while (z.size() % 16) z.push_back(T(0));
  const std::vector<T> inputs = z;
  k.activations[a].apply(z.data(), z.size(), 1, z.size());

  std::vector<T> slope(z.size(), T(1));
  k.activations[a].multiply_slope(inputs.data(), z.data(), slope.data(), z.size(), 1, z.size());
  for (std::size_t i = 0; i < z.size(); ++i) {
    const long double x = inputs[i];
    const long double expected = exact(a, x);
    if (expected > static_cast<long double>(std::numeric_limits<T>::max())) {
      REQUIRE_OF_MANY(std::isinf(z[i]), double(x));  // only exponential overflows
      continue;
    }
    REQUIRE_OF_MANY(std::isfinite(z[i]), double(x));
    check_close<T>(z[i], double(expected), 0.1);
    if (!is_trainable(a) || std::abs(x) > 20) continue;
    const long double h = 1e-5L;
    const long double difference = (exact(a, x + h) - exact(a, x - h)) / (2 * h);
    const bool jumps = std::abs(x) <= h || (a == Activation::relu6 && x == 6);
    if (!jumps) {
      const double error = std::abs(double(slope[i]) - double(difference));
      const double limit = sizeof(T) == 4 ? 3e-6 : 1e-8;
      REQUIRE_OF_MANY(error <= limit * std::max(1.0, std::abs(double(difference))), double(x));
    }
  }
}

template <class T>
void test_softmax(const Kernels<T>& k, std::size_t n) {
  Matrix<T> z(3, n, 1);
  for (std::size_t j = 0; j < n; ++j) z.at(1, j) *= T(1e4);
  Matrix<T> before = z;
  before.memory = {};
  before.memory.reserve(3 * z.stride);
  std::copy_n(z.data(), 3 * z.stride, before.data());
  k.activations[Activation::softmax].apply(z.data(), z.stride, 3, n);
  for (std::size_t i = 0; i < 3; ++i) {
    double largest = -1e30, total = 0;
    for (std::size_t j = 0; j < n; ++j) largest = std::max(largest, double(before.at(i, j)));
    for (std::size_t j = 0; j < n; ++j) total += std::exp(double(before.at(i, j)) - largest);
    for (std::size_t j = 0; j < n; ++j) {
      check_close<T>(z.at(i, j), std::exp(double(before.at(i, j)) - largest) / total);
    }
  }
  z.check_padding();
}

// One number at a time, in long double, by the papers' equations.
template <class T>
void test_update(const Kernels<T>& k, Optimizer optimizer, std::size_t n) {
  Update u;
  u.learning_rate = 0.125;
  u.t = 3;
  u.l2 = 0.25;
  u.l1 = 0.5;
  const auto defaults = hyperparameters(optimizer);
  for (std::size_t i = 0; i < defaults.size(); ++i) u.hyperparameters[i] = defaults[i].value;
  Matrix<T> w(1, n, 1), g(1, n, 2), s0(1, n, 3), s1(1, n, 4);
  for (std::size_t i = 0; i < n; ++i)
    s0.at(0, i) = std::abs(s0.at(0, i)), s1.at(0, i) = std::abs(s1.at(0, i));
  std::vector<double> expected;
  for (std::size_t i = 0; i < n; ++i) {
    double x = w.at(0, i), d = g.at(0, i), a = s0.at(0, i), b = s1.at(0, i);
    const double eta = u.learning_rate;
    const double penalty = u.l2 * x + (x > 0 ? u.l1 : -u.l1);
    if (optimizer == Optimizer::adamw) {
      x -= eta * penalty;
    } else {
      d += penalty;
    }
    switch (optimizer) {
      case Optimizer::sgd:
        x -= eta * d;
        break;
      case Optimizer::momentum:
        x += 0.9 * a - eta * d;
        break;
      case Optimizer::nesterov:
        x += 0.9 * (0.9 * a - eta * d) - eta * d;
        break;
      case Optimizer::rmsprop:
        x -= eta * d / (std::sqrt(0.9 * a + 0.1 * d * d) + 1e-8);
        break;
      case Optimizer::adagrad:
        x -= eta * d / (std::sqrt(a + d * d) + 1e-10);
        break;
      case Optimizer::adam:
      case Optimizer::adamw: {
        const double mean = (0.9 * a + 0.1 * d) / (1 - std::pow(0.9, 3));
        const double square = (0.999 * b + 0.001 * d * d) / (1 - std::pow(0.999, 3));
        x -= eta * mean / (std::sqrt(square) + 1e-8);
        break;
      }
    }
    expected.push_back(x);
  }
  k.update[optimizer](u, w.data(), g.data(), s0.data(), s1.data(), n);
  for (std::size_t i = 0; i < n; ++i) check_close<T>(w.at(0, i), expected[i], 4);
}

// Gradients of zero until the optimiser's slots fall below the smallest normal number, as for a
// dead unit or input.
template <class T>
void test_update_without_gradients(const Kernels<T>& k, Optimizer optimizer, double epsilon) {
  const auto named = hyperparameters(optimizer);
  Update u;
  u.learning_rate = 0.125;
  bool decays = false, vanishes = true;
  for (std::size_t i = 0; i < named.size(); ++i) {
    u.hyperparameters[i] = named[i].value;
    if (named[i].name == "epsilon") {
      u.hyperparameters[i] = epsilon;
      vanishes = epsilon > 0;
    }
    if (named[i].name == "beta_2") u.hyperparameters[i] = 0.9;  // the default would take long
    decays |= named[i].name == "momentum" || named[i].name == "rho" || named[i].name == "beta_2";
  }
  if (!decays) return;
  CAPTURE(std::string(name(optimizer)));
  constexpr std::size_t n = 33;
  Matrix<T> w(1, n, 1), g(1, n, 2), s0(1, n, 3), s1(1, n, 4);
  const auto steps = [&](int count) {
    for (int i = 0; i < count; ++i, ++u.t) {
      k.update[optimizer](u, w.data(), g.data(), s0.data(), s1.data(), n);
    }
  };
  std::fill_n(s0.data(), n, T(0));
  std::fill_n(s1.data(), n, T(0));
  steps(1);
  std::fill_n(g.data(), n, T(0));
  constexpr int long_enough = sizeof(T) == 4 ? 900 : 7000;  // times 0.9, from 1 to below normal
  steps(long_enough / 2);
  const std::vector<T> weights(w.data(), w.data() + n);
  REQUIRE(std::abs(s0.at(0, 0)) > std::numeric_limits<T>::min());
  steps(long_enough / 2 + 50);
  for (std::size_t i = 0; i < n; ++i) {
    REQUIRE(w.at(0, i) == weights[i]);
    if (!vanishes) continue;
    CHECK(s0.at(0, i) == T(0));
    if (optimizer_slots(optimizer) > 1) CHECK(s1.at(0, i) == T(0));
  }
}

// The bits of a row of a product must not depend on the number of rows.
template <class T>
void test_one_row_of_many(const Kernels<T>& k, std::size_t n, std::size_t inner) {
  std::vector<T> panel(panel_elements);
  Matrix<T> a(40, inner, 1), b(inner, n, 2), many(40, n, 3), one(1, n, 3), bias(1, n, 4);
  for (std::size_t p = 0; p < inner; p += 1 + p % 3) a.at(0, p) = T(0);
  GemmArgs<T> product{.m = 40,
                      .n = n,
                      .k = inner,
                      .a = a.data(),
                      .a_row = a.stride,
                      .a_col = 1,
                      .b = b.data(),
                      .b_row = b.stride,
                      .c = many.data(),
                      .c_row = many.stride,
                      .bias = bias.data()};
  k.matmul(product, panel.data());
  product.m = 1;
  product.c = one.data();
  k.matmul(product, panel.data());
  REQUIRE(std::equal(one.data(), one.data() + n, many.data()));
  // They must not depend on whether zeros are skipped, either.
  Matrix<T> listed(40, n, 5);
  product.m = 40;
  product.c = listed.data();
  product.mostly_zero = true;
  k.matmul(product, panel.data());
  for (std::size_t i = 0; i < 40; ++i) {
    for (std::size_t j = 0; j < n; ++j) REQUIRE_OF_MANY(listed.at(i, j) == many.at(i, j), j);
  }
}

template <class T>
void test_all(const InstructionSet& set) {
  const Kernels<T>& k = table<T>(set);
  CAPTURE(std::string(set.name));
  REQUIRE(std::string(k.instruction_set) == set.name);
  for (const std::size_t m : odd_sizes) {
    for (const std::size_t n : odd_sizes) {
      for (const std::size_t inner : {std::size_t{1}, std::size_t{17}, std::size_t{33}}) {
        test_matmul(k, m, n, inner);
        test_matmul_rows(k, m, n, inner);
      }
      test_transpose(k, m, n);
      test_sparse(k, m, n, std::size_t{13});
      test_column_sums(k, m, n);
    }
  }
  test_matmul(k, 65, 33, 784);  // packed panels, several blocks of the sum
  test_matmul(k, 784, 17, 300);
  test_matmul(k, 50, 301, 300);  // several strips
  test_matmul(k, 50, 301, 150);
  test_matmul(k, 1, 300, 784);
  test_matmul_rows(k, 3, 17, 784);
  for (const std::size_t n : odd_sizes) {
    test_softmax(k, n);
    test_one_row_of_many(k, n, 300);
    for (std::size_t o = 0; o < optimizer_count; ++o) test_update(k, Optimizer(o), n);
  }
  for (std::size_t o = 0; o < optimizer_count; ++o) {
    test_update_without_gradients(k, Optimizer(o), 1e-8);
    test_update_without_gradients(k, Optimizer(o), 0);
  }
  for (std::size_t a = 0; a < activation_count; ++a) {
    if (Activation(a) == Activation::softmax) continue;
    CAPTURE(std::string(name(Activation(a))));
    test_activation(k, Activation(a));
  }
}

}  // namespace

TEST_CASE("kernels agree with their naive versions, float32") {
  for (const InstructionSet* set : available_instruction_sets()) test_all<float>(*set);
}

TEST_CASE("kernels agree with their naive versions, float64") {
  for (const InstructionSet* set : available_instruction_sets()) test_all<double>(*set);
}

TEST_CASE("costs stay finite where outputs saturate") {
  const Kernels<float>& k = kernels<float>();
  constexpr std::size_t line = cache_line / sizeof(float);
  const float z[line] = {200.0f, -200.0f}, a[line] = {1.0f, 0.0f}, y[line] = {0.0f, 1.0f};
  // -ln(1 - sigmoid(200)) = 200, twice.
  CHECK(k.costs[Cost::cross_entropy].value({}, z, a, y, 2) == doctest::Approx(400));
  // -ln softmax([200, -200])[1] = 400.
  CHECK(k.costs[Cost::log_likelihood].value({}, z, a, y, 2) == doctest::Approx(400));
}

}  // namespace test_kernels
