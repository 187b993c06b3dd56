// Products of sparse rows, by rows and by columns. Part of generic.hpp.
#pragma once

#include "kernels/vectors.hpp"

namespace nncore {
namespace {

// Two partial sums a vector, over the even and the odd terms: they hide the latency.
template <class T, int NV, class Row>
void row_times_matrix(const Row& x, const T* w, std::size_t w_row, T scale, const T* bias, T* c) {
  Vec<T> even[NV] = {}, odd[NV] = {};
  const auto add = [&](std::size_t p, Vec<T>(&sum)[NV]) {
    const Vec<T> value = broadcast(x.value(p));
    const T* row = w + x.column(p) * w_row;
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) {
      sum[j] = fused(value, load(row + std::size_t(j) * lanes<T>), sum[j]);
    }
  };
  std::size_t p = 0;
  for (; p + 1 < x.count; p += 2) {
    add(p, even);
    add(p + 1, odd);
  }
  if (p < x.count) add(p, even);
#pragma GCC unroll 4
  for (int j = 0; j < NV; ++j) {
    const std::size_t column = std::size_t(j) * lanes<T>;
    const Vec<T> sum = broadcast(scale) * (even[j] + odd[j]);
    store(c + column, bias ? load(bias + column) + sum : sum);
  }
}

template <class T, int NV, class Row>
void add_outer_product(const Row& x, T scale, const T* d, T* g, std::size_t g_row) {
  Vec<T> delta[NV];
#pragma GCC unroll 4
  for (int j = 0; j < NV; ++j) delta[j] = broadcast(scale) * load(d + std::size_t(j) * lanes<T>);
  for (std::size_t p = 0; p < x.count; ++p) {
    const Vec<T> value = broadcast(x.value(p));
    T* row = g + x.column(p) * g_row;
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) {
      T* to = row + std::size_t(j) * lanes<T>;
      store(to, fused(value, delta[j], load(to)));
    }
  }
}

// One column of the mini-batch: g += value * d[row] over its entries, or g = that.
template <class T, int NV>
void column_gradient(const SparseColumns<T>& x, std::size_t k, const T* d, std::size_t d_row, T* g,
                     bool overwrite) {
  if (x.starts[k] == x.starts[k + 1] && !overwrite) return;
  Vec<T> sum[NV];
#pragma GCC unroll 4
  for (int j = 0; j < NV; ++j) {
    sum[j] = overwrite ? Vec<T>{} : load(g + std::size_t(j) * lanes<T>);
  }
  for (std::int32_t p = x.starts[k]; p < x.starts[k + 1]; ++p) {
    const Vec<T> value = broadcast(x.entries[p].value);
    const T* row = d + static_cast<std::size_t>(x.entries[p].row) * d_row;
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) {
      sum[j] = fused(value, load(row + std::size_t(j) * lanes<T>), sum[j]);
    }
  }
#pragma GCC unroll 4
  for (int j = 0; j < NV; ++j) store(g + std::size_t(j) * lanes<T>, sum[j]);
}

// Each block of columns goes over all rows before the next: a block of W stays in the cache.
template <class T>
void sparse_matmul(const SparseRows<T>& x, Part part, std::size_t m, std::size_t n, const T* w,
                   std::size_t w_row, T scale, const T* bias, T* c, std::size_t c_row) {
  for_each_column_block<T>(n, [&](std::size_t column, auto nv) {
    for (std::size_t i = 0; i < m; ++i) {
      with_part(x, i, part, [&](const auto& row) {
        row_times_matrix<T, nv>(row, w + column, w_row, scale, bias ? bias + column : nullptr,
                                c + i * c_row + column);
      });
    }
  });
}

template <class T>
void sparse_gradient(const SparseRows<T>& x, Part part, std::size_t m, std::size_t n, T scale,
                     const T* d, std::size_t d_row, T* g, std::size_t g_row) {
  for_each_column_block<T>(n, [&](std::size_t column, auto nv) {
    for (std::size_t i = 0; i < m; ++i) {
      with_part(x, i, part, [&](const auto& row) {
        add_outer_product<T, nv>(row, scale, d + i * d_row + column, g + column, g_row);
      });
    }
  });
}

template <class T>
void sparse_gradient_columns(const SparseColumns<T>& x, std::size_t n, const T* d,
                             std::size_t d_row, T* g, std::size_t g_row, bool overwrite) {
  for_each_column_block<T>(n, [&](std::size_t column, auto nv) {
    for (std::size_t k = 0; k < x.cols; ++k) {
      column_gradient<T, nv>(x, k, d + column, d_row, g + k * g_row + column, overwrite);
    }
  });
}

}  // namespace
}  // namespace nncore
