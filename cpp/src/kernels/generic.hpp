// The kernels, written once over a vector type. Each instruction set's file defines
// NNCORE_VECTOR_BYTES and NNCORE_TILE_ROWS (accumulators that fit its registers), its fused
// multiply-add, and includes this. Everything is in an unnamed namespace, and no inline function
// of the standard library is called (compiler built-ins are): the copies for different sets must
// never be merged by the linker.
#pragma once

#include <utility>

#include "kernels/activations.hpp"
#include "kernels/costs.hpp"
#include "kernels/distortion.hpp"
#include "kernels/kernels.hpp"
#include "kernels/magnitudes.hpp"
#include "kernels/optimizers.hpp"
#include "kernels/products.hpp"
#include "kernels/sparse_products.hpp"

namespace nncore {
namespace {

// ---- element by element --------------------------------------------------------------------

template <class T>
void column_sums(const T* d, std::size_t d_row, std::size_t m, std::size_t n, T scale, T* sum) {
  for (std::size_t j = 0; j < n; j += lanes<T>) {
    Vec<T> total = {};
    for (std::size_t i = 0; i < m; ++i) total += load(d + i * d_row + j);
    store(sum + j, fused(broadcast(scale), total, load(sum + j)));
  }
}

// Rows that lie one behind the other are one long row.
inline void join_rows(std::size_t row, std::size_t& m, std::size_t& count) {
  if (count != row) return;
  count *= m;
  m = 1;
}

template <class T, Activation A>
void apply(T* z, std::size_t row, std::size_t m, std::size_t n) {
  using Fn = ActivationFn<A>;
  if constexpr (Fn::elementwise) {
    std::size_t count = whole_lines<T>(n);
    join_rows(row, m, count);
    for (std::size_t i = 0; i < m; ++i, z += row) {
      for (std::size_t j = 0; j < count; ++j) z[j] = Fn::value(z[j]);
    }
  } else {
    for (std::size_t i = 0; i < m; ++i, z += row) {
      const T largest = largest_of(z, n);  // so that exp cannot overflow
      const std::size_t count = whole_lines<T>(n);
      for (std::size_t j = 0; j < count; ++j) z[j] = exp(z[j] - largest);
      T total = 0;
      for (std::size_t j = 0; j < n; j += line_lanes<T>) {
        Vec<T> line[line_vectors];
        load_line(z + j, n - j, T(0), line);
        for (std::size_t v = 0; v < line_vectors; ++v) store(z + j + v * lanes<T>, line[v]);
        total += reduce_line<Sum<T>, T>(line);
      }
      for (std::size_t j = 0; j < count; ++j) z[j] /= total;
    }
  }
}

template <class T, Activation A>
void multiply_slope([[maybe_unused]] const T* z, [[maybe_unused]] const T* a,
                    [[maybe_unused]] T* delta, [[maybe_unused]] std::size_t row,
                    [[maybe_unused]] std::size_t m, [[maybe_unused]] std::size_t n) {
  using Fn = ActivationFn<A>;
  if constexpr (A == Activation::softmax) {
    for (std::size_t i = 0; i < m; ++i, a += row, delta += row) {
      T mean = 0;  // of the slopes, by the outputs
      for (std::size_t j = 0; j < n; ++j) mean = madd(a[j], delta[j], mean);
      for (std::size_t j = 0; j < n; ++j) delta[j] = a[j] * (delta[j] - mean);
    }
  } else if constexpr (A != Activation::linear) {
    if constexpr (!Fn::needs_z) z = a;
    std::size_t count = whole_lines<T>(n);
    join_rows(row, m, count);
    for (std::size_t i = 0; i < m; ++i, z += row, a += row, delta += row) {
      for (std::size_t j = 0; j < count; ++j) delta[j] *= Fn::slope(z[j], a[j]);
    }
  }
}

template <class T, Cost C>
double sum_of_values(const T* z, const T* a, const T* y, std::size_t n) {
  using Fn = CostFn<C>;
  constexpr std::size_t line = line_lanes<T>;
  T largest = 0, log_sum = 0;
  if constexpr (C == Cost::log_likelihood) {
    // ln a = z - largest - ln(sum of exp(z - largest)), where the largest themselves are counted
    // apart: a sure and right answer costs ln(1 + what is left), however little that is.
    largest = largest_of(z, n);
    T others = 0, ties = 0;
    for (std::size_t j = 0; j < n; j += line) {
      T e[line], tie[line];
      for (std::size_t i = 0; i < line; ++i) {
        const T below = z[j + i] - largest;
        e[i] = below == T(0) ? T(0) : exp(below);
        tie[i] = below == T(0) ? T(1) : T(0);
      }
      others += line_sum(e, n - j);
      ties += line_sum(tie, n - j);
    }
    log_sum = log1p_positive((ties - 1) + others);
  }
  double total = 0;
  for (std::size_t j = 0; j < n; j += line) {
    T cost[line];
    for (std::size_t i = 0; i < line; ++i) {
      const T zi = Fn::needs_z ? (z[j + i] - largest) - log_sum : T(0);
      cost[i] = Fn::value(zi, a[j + i], y[j + i]);
    }
    total += double(line_sum(cost, n - j));
  }
  return total;
}

template <class T, Cost C>
double cost_value([[maybe_unused]] const CostParameters& parameters, const T* z, const T* a,
                  const T* y, std::size_t n) {
  using Fn = CostFn<C>;
  if constexpr (Fn::by_row) {
    return Fn::template row_value<T>(parameters, z, a, y, n);
  } else {
    return sum_of_values<T, C>(z, a, y, n);
  }
}
template <class T, Cost C>
void cost_slope([[maybe_unused]] const CostParameters& parameters, [[maybe_unused]] const T* z,
                const T* a, const T* y, T* delta, std::size_t n) {
  if constexpr (CostFn<C>::by_row) {
    CostFn<C>::template row_slope<T>(parameters, z, a, y, delta, n);
  } else {
    for (std::size_t j = 0; j < n; ++j) {
      if constexpr (CostFn<C>::only_canonical) {
        delta[j] = a[j] - y[j];
      } else {
        delta[j] = CostFn<C>::slope(a[j], y[j]);
      }
    }
  }
}

template <class T>
std::size_t count_nonzeros(const T* x, std::size_t count) {
  std::int32_t nonzeros = 0;
  for (std::size_t i = 0; i < count; ++i) nonzeros += x[i] != T(0);
  return static_cast<std::size_t>(nonzeros);
}

template <class T>
void multiply(T* x, const T* by, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) x[i] *= by[i];
}

template <class T>
void add(T* x, const T* y, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) x[i] += y[i];
}

template <class T>
void rescale(T* x, T by, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) x[i] *= by;
}

template <class T>
inline T zero_below(T least, T x) {
  return x < least && x > -least ? T(0) : x;
}

template <class T, Optimizer O, bool Penalised>
void update_each(const Update& u, T* __restrict w, const T* __restrict gradient, T* __restrict s0,
                 T* __restrict s1, std::size_t count) {
  using Fn = OptimizerFn<O>;
  const typename Fn::template Rule<T> rule(u);
  const T l2 = T(u.l2), l1 = T(u.l1), eta = T(u.learning_rate);
  for (std::size_t i = 0; i < count; ++i) {
    T g = gradient[i];
    T x = w[i];
    if constexpr (Penalised) {
      const T sign = x > T(0) ? T(1) : (x < T(0) ? T(-1) : T(0));
      const T penalty = l2 * x + l1 * sign;
      if constexpr (Fn::decoupled) {
        x -= eta * penalty;
      } else {
        g += penalty;
      }
    }
    T none = 0;
    rule(x, g, Fn::slots > 0 ? s0[i] : none, Fn::slots > 1 ? s1[i] : none);
    if constexpr (requires { rule.least; }) {
      s0[i] = zero_below(rule.least, s0[i]);
      if constexpr (Fn::slots > 1) s1[i] = zero_below(rule.least, s1[i]);
    }
    w[i] = x;
  }
}

template <class T, Optimizer O>
void update(const Update& u, T* w, const T* gradient, T* s0, T* s1, std::size_t count) {
  const bool penalised = u.l2 != 0 || u.l1 != 0;
  (penalised ? update_each<T, O, true> : update_each<T, O, false>)(u, w, gradient, s0, s1, count);
}

// ---- the table -----------------------------------------------------------------------------

template <class T, std::size_t... A, std::size_t... C, std::size_t... O>
constexpr Kernels<T> make_table(const char* instruction_set, std::index_sequence<A...>,
                                std::index_sequence<C...>, std::index_sequence<O...>) {
  return {
      .instruction_set = instruction_set,
      .matmul = matmul<T>,
      .gemm_nt = gemm_nt<T>,
      .transpose = transpose<T>,
      .sparse_matmul = sparse_matmul<T>,
      .sparse_gradient = sparse_gradient<T>,
      .sparse_gradient_columns = sparse_gradient_columns<T>,
      .column_sums = column_sums<T>,
      .activations = {{{apply<T, Activation(A)>, multiply_slope<T, Activation(A)>,
                        ActivationFn<Activation(A)>::needs_z,
                        ActivationFn<Activation(A)>::elementwise}...}},
      .costs = {{{cost_value<T, Cost(C)>, cost_slope<T, Cost(C)>, CostFn<Cost(C)>::needs_z}...}},
      .update = {{update<T, Optimizer(O)>...}},
      .count_nonzeros = count_nonzeros<T>,
      .largest_magnitude = largest_magnitude<T>,
      .largest_from_zero = largest_from_zero<T>,
      .sparse_largest = sparse_largest<T>,
      .multiply = multiply<T>,
      .add = add<T>,
      .rescale = rescale<T>,
      .random_words = random_words,
      .elastic_field = elastic_field<T>,
      .thicken = thicken<T>,
      .warp = warp<T>,
      .add_noise = add_noise<T>};
}

template <class T>
constexpr Kernels<T> make_table(const char* instruction_set) {
  return make_table<T>(instruction_set, std::make_index_sequence<activation_count>{},
                       std::make_index_sequence<cost_count>{},
                       std::make_index_sequence<optimizer_count>{});
}

}  // namespace
}  // namespace nncore
