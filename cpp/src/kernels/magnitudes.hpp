// Largest absolute values, found on the bits: without their signs these are in the order of the
// numbers, and NaN comes behind infinity. Part of generic.hpp.
#pragma once

#include "kernels/vectors.hpp"

namespace nncore {
namespace {

template <class T>
inline constexpr auto infinity_bits =
    bits_as<typename FloatFormat<T>::Index>(static_cast<T>(__builtin_inff()));
template <class T>
inline constexpr auto magnitude_bits = static_cast<typename FloatFormat<T>::Index>(
    ~(typename FloatFormat<T>::Bits{1} << (8 * sizeof(T) - 1)));

template <class T>
inline T infinite_if_nan(typename FloatFormat<T>::Index bits) {
  return bits_as<T>(bits < infinity_bits<T> ? bits : infinity_bits<T>);
}

template <class T>
T largest_magnitude(const T* x, std::size_t count) {
  using Bits = typename FloatFormat<T>::Index;
  Bits largest = 0;
#pragma GCC unroll 4
  for (std::size_t i = 0; i < count; ++i) {
    const Bits bits = bits_as<Bits>(x[i]) & magnitude_bits<T>;
    largest = bits > largest ? bits : largest;
  }
  return infinite_if_nan<T>(largest);
}

template <class T>
T largest_from_zero(const T* x, std::size_t count) {
  using Bits = typename FloatFormat<T>::Index;
  Bits largest = 0, any = 0;  // any is negative where one of them is
#pragma GCC unroll 4
  for (std::size_t i = 0; i < count; ++i) {
    const Bits bits = bits_as<Bits>(x[i]);
    any |= bits;
    largest = bits > largest ? bits : largest;
  }
  return any >= 0 ? infinite_if_nan<T>(largest) : bits_as<T>(infinity_bits<T>);
}

// The largest of NV vectors' columns in the rows of w that a sparse row meets.
template <class T, int NV, class Row>
typename FloatFormat<T>::Index largest_met(const Row& x, const T* w, std::size_t w_row) {
  using Bits = typename FloatFormat<T>::Index;
  using BitsVec [[gnu::vector_size(NNCORE_VECTOR_BYTES)]] = Bits;
  BitsVec most[NV] = {};
  for (std::size_t p = 0; p < x.count; ++p) {
    const T* row = w + x.column(p) * w_row;
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) {
      BitsVec bits;
      __builtin_memcpy(&bits, row + std::size_t(j) * lanes<T>, sizeof bits);
      bits &= magnitude_bits<T>;
      most[j] = bits > most[j] ? bits : most[j];
    }
  }
#pragma GCC unroll 4
  for (int j = 1; j < NV; ++j) most[0] = most[j] > most[0] ? most[j] : most[0];
  Bits largest = 0;
  for (std::size_t i = 0; i < lanes<T>; ++i) largest = most[0][i] > largest ? most[0][i] : largest;
  return largest;
}

template <class T>
SparseLargest<T> sparse_largest(const SparseRows<T>& x, std::size_t m, std::size_t n, const T* w,
                                std::size_t w_row) {
  using Bits = typename FloatFormat<T>::Index;
  Bits most_x = 0, most_w = 0;
  for (std::size_t i = 0; i < m; ++i) {
    with_row(x, i, [&](const auto& row) {
      for (std::size_t p = 0; p < row.count; ++p) {
        const Bits bits = bits_as<Bits>(row.value(p)) & magnitude_bits<T>;
        most_x = bits > most_x ? bits : most_x;
      }
      for_each_column_block<T>(n, [&](std::size_t column, auto nv) {
        const Bits bits = largest_met<T, nv>(row, w + column, w_row);
        most_w = bits > most_w ? bits : most_w;
      });
    });
  }
  return {infinite_if_nan<T>(most_x), infinite_if_nan<T>(most_w)};
}

}  // namespace
}  // namespace nncore
