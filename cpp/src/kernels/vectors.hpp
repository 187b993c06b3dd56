// The vector type that the kernels are written over, and what they do with a vector or a cache
// line of them. Part of generic.hpp.
#pragma once

#include <cstddef>
#include <utility>

#include "kernels/kernels.hpp"
#include "kernels/math.hpp"

namespace nncore {
namespace {

template <class T>
struct VectorOf {
  using type [[gnu::vector_size(NNCORE_VECTOR_BYTES)]] = T;
};
template <class T>
using Vec = typename VectorOf<T>::type;
template <class T>
inline constexpr std::size_t lanes = NNCORE_VECTOR_BYTES / sizeof(T);

template <class T>
inline Vec<T> load(const T* p) {
  Vec<T> v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

template <class T>
inline void store(T* p, Vec<T> v) {
  __builtin_memcpy(p, &v, sizeof v);
}

template <class T>
inline Vec<T> broadcast(T x) {
  return x - Vec<T>{};
}

inline std::size_t smaller(std::size_t a, std::size_t b) { return a < b ? a : b; }

// n rounded up to whole cache lines: kernels write a row up to there. What lies behind n is written
// anew each time, so nothing builds up.
template <class T>
inline constexpr std::size_t line_lanes = cache_line / sizeof(T);
template <class T>
inline std::size_t whole_lines(std::size_t n) {
  return (n + line_lanes<T> - 1) / line_lanes<T> * line_lanes<T>;
}

// Rows are reduced line by line, and the lanes of a line by halves: one order for every vector
// width.
inline constexpr std::size_t line_vectors = cache_line / NNCORE_VECTOR_BYTES;

// A cache line of a row of which `rest` elements are left. What lies beyond them is read, but
// `instead` takes its place.
template <class T>
inline void load_line(const T* p, std::size_t rest, T instead, Vec<T> (&line)[line_vectors]) {
  using Index = typename FloatFormat<T>::Index;
  using Indices [[gnu::vector_size(NNCORE_VECTOR_BYTES)]] = Index;
  static constexpr Index lane[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const Indices left = static_cast<Index>(smaller(rest, line_lanes<T>)) - Indices{};
#pragma GCC unroll 4
  for (std::size_t v = 0; v < line_vectors; ++v) {
    Indices at;
    __builtin_memcpy(&at, lane + v * lanes<T>, sizeof at);
    line[v] = at < left ? load(p + v * lanes<T>) : broadcast(instead);
  }
}

template <class T>
struct Sum {
  static Vec<T> of(Vec<T> a, Vec<T> b) { return a + b; }
};
template <class T>
struct Largest {
  static Vec<T> of(Vec<T> a, Vec<T> b) { return a > b ? a : b; }
};

template <int Half, class Op, class T, int... I>
inline T reduce_vector(Vec<T> v, std::integer_sequence<int, I...> all) {
  if constexpr (Half == 0) {
    return v[0];
  } else {
    const Vec<T> shifted = __builtin_shufflevector(v, v, ((I + Half) % int(sizeof...(I)))...);
    return reduce_vector<Half / 2, Op, T>(Op::of(v, shifted), all);
  }
}

template <class Op, class T>
inline T reduce_line(Vec<T> (&line)[line_vectors]) {
#pragma GCC unroll 4
  for (std::size_t half = line_vectors / 2; half > 0; half /= 2) {
#pragma GCC unroll 4
    for (std::size_t v = 0; v < half; ++v) line[v] = Op::of(line[v], line[v + half]);
  }
  return reduce_vector<int(lanes<T>) / 2, Op, T>(line[0],
                                                 std::make_integer_sequence<int, lanes<T>>{});
}

template <class T>
inline T largest_of(const T* x, std::size_t n) {
  constexpr T least = -T(__builtin_huge_val());
  Vec<T> largest[line_vectors], line[line_vectors];
  load_line(x, n, least, largest);
  for (std::size_t j = line_lanes<T>; j < n; j += line_lanes<T>) {
    load_line(x + j, n - j, least, line);
#pragma GCC unroll 4
    for (std::size_t v = 0; v < line_vectors; ++v) {
      largest[v] = Largest<T>::of(line[v], largest[v]);
    }
  }
  return reduce_line<Largest<T>, T>(largest);
}

// The sum of a line of which `rest` elements count.
template <class T>
inline T line_sum(const T* p, std::size_t rest) {
  Vec<T> line[line_vectors];
  load_line(p, rest, T(0), line);
  return reduce_line<Sum<T>, T>(line);
}

// std::integral_constant's conversion would be a function that the linker merges.
template <int N>
struct Constant {
  constexpr operator int() const { return N; }
};

// Calls f with its vector count as a constant, so that the accumulators are registers. All that
// stands between a kernel and its loop is inlined: for one row, to hand the kernel's arguments on
// in memory would cost as much as some ten of its non-zeros.
template <class F>
[[gnu::always_inline]] inline void with_vectors(std::size_t vectors, F f) {
  switch (vectors) {
    case 1:
      return f(Constant<1>{});
    case 2:
      return f(Constant<2>{});
    case 3:
      return f(Constant<3>{});
    default:
      return f(Constant<4>{});
  }
}

// Calls f(column, vectors) for blocks of columns.
inline constexpr std::size_t vectors_at_once = 4;

template <class T, class F>
[[gnu::always_inline]] inline void for_each_column_block(std::size_t n, F f) {
  const std::size_t vectors = whole_lines<T>(n) / lanes<T>;
  for (std::size_t v = 0; v < vectors; v += vectors_at_once) {
    with_vectors(smaller(vectors_at_once, vectors - v), [&](auto nv) { f(v * lanes<T>, nv); });
  }
}

}  // namespace
}  // namespace nncore
