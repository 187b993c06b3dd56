// The kernels, written once over a vector type. Each instruction set's file defines
// NNCORE_VECTOR_BYTES and NNCORE_TILE_ROWS (accumulators that fit its registers), its fused
// multiply-add, and includes this. Everything is in an unnamed namespace, and no inline function
// of the standard library is called (compiler built-ins are): the copies for different sets must
// never be merged by the linker.
#pragma once

#include <utility>

#include "kernels/activations.hpp"
#include "kernels/costs.hpp"
#include "kernels/kernels.hpp"
#include "kernels/optimizers.hpp"

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

// n rounded up to whole cache lines, which is how far kernels write a row: what lies between n
// and there is made anew each time and never builds up.
template <class T>
inline constexpr std::size_t line_lanes = cache_line / sizeof(T);
template <class T>
inline std::size_t whole_lines(std::size_t n) {
  return (n + line_lanes<T> - 1) / line_lanes<T> * line_lanes<T>;
}

// ---- products ------------------------------------------------------------------------------

inline constexpr int tile_rows = NNCORE_TILE_ROWS;

// One row of a tile: c = start + scale * sum.
template <class T, int NV>
inline void finish(const Vec<T> (&sum)[NV], T scale, T* c, const T* bias, bool accumulate) {
  const Vec<T> by = broadcast(scale);
#pragma GCC unroll 8
  for (int j = 0; j < NV; ++j) {
    const std::size_t column = std::size_t(j) * lanes<T>;
    const Vec<T> start = accumulate ? load(c + column) : bias ? load(bias + column) : Vec<T>{};
    store(c + column, fused(by, sum[j], start));
  }
}

// One register tile of a product: MR rows by NV vectors of C, over k terms.
template <class T, int MR, int NV>
void tile(std::size_t k, const T* a, std::size_t a_row, std::size_t a_col, const T* b,
          std::size_t b_row, const Product<T>& p, T* c, const T* bias, bool accumulate) {
  Vec<T> sum[MR][NV] = {};
  for (std::size_t t = 0; t < k; ++t) {
    Vec<T> bt[NV];
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) bt[j] = load(b + t * b_row + std::size_t(j) * lanes<T>);
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i) {
      const Vec<T> at = broadcast(a[std::size_t(i) * a_row + t * a_col]);
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) sum[i][j] = fused(at, bt[j], sum[i][j]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < MR; ++i) {
    finish<T, NV>(sum[i], p.scale, c + std::size_t(i) * p.c_row, bias, accumulate);
  }
}

// The same for one row of A, of which `list` names the terms that are not zero.
template <class T, int NV>
void listed_tile(const std::uint8_t* list, std::size_t count, const T* a, const T* b,
                 std::size_t b_row, T scale, T* c, const T* bias, bool accumulate) {
  Vec<T> sum[NV] = {};
  for (std::size_t p = 0; p < count; ++p) {
    const std::size_t t = list[p];
    const Vec<T> at = broadcast(a[t]);
#pragma GCC unroll 8
    for (int j = 0; j < NV; ++j) {
      sum[j] = fused(at, load(b + t * b_row + std::size_t(j) * lanes<T>), sum[j]);
    }
  }
  finish<T, NV>(sum, scale, c, bias, accumulate);
}

template <class T>
using Tile = void (*)(std::size_t, const T*, std::size_t, std::size_t, const T*, std::size_t,
                      const Product<T>&, T*, const T*, bool);

template <class T>
using ListedTile = void (*)(const std::uint8_t*, std::size_t, const T*, const T*, std::size_t, T,
                            T*, const T*, bool);

template <class T, class Rows>
struct Tiles;

// By the vectors and rows of the tile. Few rows leave registers for more vectors, which hide the
// latency of the additions and read longer pieces of B.
template <class T, int... I>
struct Tiles<T, std::integer_sequence<int, I...>> {
  static constexpr ListedTile<T> listed(std::size_t vectors) {
    return vectors == 8   ? listed_tile<T, 8>
           : vectors == 4 ? listed_tile<T, 4>
           : vectors == 2 ? listed_tile<T, 2>
                          : listed_tile<T, 1>;
  }
  static constexpr Tile<T> one[] = {tile<T, I + 1, 1>...};
  static constexpr Tile<T> two[] = {tile<T, I + 1, 2>...};
  static constexpr Tile<T> four[] = {tile<T, 1, 4>, tile<T, 2, 4>};
  static constexpr Tile<T> eight[] = {tile<T, 1, 8>};
  static constexpr const Tile<T>* of(std::size_t vectors) {
    return vectors == 8 ? eight : vectors == 4 ? four : vectors == 2 ? two : one;
  }
};

// Copies columns of B, k rows of them, to panels of `width` vectors' columns each, one after the
// other: what a tile reads is then contiguous.
template <class T>
void pack(std::size_t k, std::size_t vectors, std::size_t width, const T* b, std::size_t b_row,
          T* panels) {
  for (std::size_t t = 0; t < k; ++t, b += b_row) {
    for (std::size_t v = 0; v < vectors; v += width) {
      const std::size_t here = smaller(width, vectors - v);
      T* panel = panels + (v * k + t * here) * lanes<T>;
      for (std::size_t j = 0; j < here; ++j) {
        store(panel + j * lanes<T>, load(b + (v + j) * lanes<T>));
      }
    }
  }
}

// The set bits of every byte, lowest first, a byte each.
struct SetBits {
  std::uint64_t places[256];
  std::uint8_t count[256];
};
constexpr SetBits list_set_bits() {
  SetBits bits{};
  for (unsigned mask = 0; mask < 256; ++mask) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      if (mask >> bit & 1) bits.places[mask] |= std::uint64_t{bit} << (8 * bits.count[mask]++);
    }
  }
  return bits;
}
inline constexpr SetBits set_bits = list_set_bits();

// A bit for every lane that is not zero, where the instruction set's file has not one of its own.
#ifndef NNCORE_NONZERO_LANES
template <class V>
inline unsigned nonzero_lanes(V v) {
  unsigned mask = 0;
  for (unsigned j = 0; j < sizeof(V) / sizeof(v[0]); ++j) mask |= unsigned(v[j] != 0) << j;
  return mask;
}
#endif

// Lists the places of the non-zeros among n <= sum_block numbers, without a branch on them; the
// list has room for 8 more. Returns how many there are.
template <class T>
std::size_t list_nonzeros(const T* a, std::size_t n, std::uint8_t* list) {
  std::size_t count = 0;
  const auto add = [&](std::size_t first, unsigned mask) {
    const std::uint64_t places = set_bits.places[mask] + first * 0x0101010101010101u;
    __builtin_memcpy(list + count, &places, sizeof places);
    count += set_bits.count[mask];
  };
  std::size_t t = 0;
  for (; t + lanes<T> <= n; t += lanes<T>) {
    const unsigned mask = nonzero_lanes(load(a + t));
    add(t, mask & 255);
    if constexpr (lanes<T> > 8) add(t + 8, mask >> 8);
  }
  for (; t < n; ++t) {
    list[count] = static_cast<std::uint8_t>(t);
    count += a[t] != T(0);
  }
  return count;
}

// Leaves out the zeros of A, and does not even read the rows of B that meet them. Each sum has its
// terms in a tile's order, so the bits are the same.
template <class T>
void listed_matmul(const Product<T>& p) {
  using Table = Tiles<T, std::make_integer_sequence<int, tile_rows>>;
  constexpr std::size_t group = 32;  // rows that share a strip of B while it is in L2
  const std::size_t vectors = whole_lines<T>(p.n) / lanes<T>;
  std::uint8_t lists[group][sum_block + 8];
  std::size_t counts[group];
  for (std::size_t i0 = 0; i0 < p.m; i0 += group) {
    const std::size_t rows = smaller(group, p.m - i0);
    for (std::size_t k0 = 0; k0 < p.k; k0 += sum_block) {
      const T* a = p.a + i0 * p.a_row + k0;
      for (std::size_t i = 0; i < rows; ++i) {
        counts[i] = list_nonzeros(a + i * p.a_row, smaller(sum_block, p.k - k0), lists[i]);
      }
      std::size_t width = 8;
      for (std::size_t v = 0; v < vectors; v += width) {
        while (width > vectors - v) width /= 2;
        const std::size_t column = v * lanes<T>;
        for (std::size_t i = 0; i < rows; ++i) {
          Table::listed(width)(lists[i], counts[i], a + i * p.a_row, p.b + k0 * p.b_row + column,
                               p.b_row, p.scale, p.c + (i0 + i) * p.c_row + column,
                               p.bias ? p.bias + column : nullptr, p.accumulate || k0 > 0);
        }
      }
    }
  }
}

// Strip by strip of C's columns: a packed strip of B stays in L2, a tile's rows of A and one panel
// of the strip in L1.
template <class T>
void matmul(const Product<T>& p, T* panels) {
  // One row is bound by the memory of B, of which this reads less.
  if (p.a_col == 1 && (p.m == 1 || p.mostly_zero)) return listed_matmul(p);
  using Table = Tiles<T, std::make_integer_sequence<int, tile_rows>>;
  const std::size_t vectors = whole_lines<T>(p.n) / lanes<T>;
  const std::size_t width = p.m == 1 ? 8 : p.m == 2 ? 4 : 2;
  // Pays where the rows of B lie on more pages than are found at once, and are read often enough.
  constexpr std::size_t near = std::size_t{1} << 17;
  const std::size_t spread = smaller(sum_block, p.k) * p.b_row * sizeof(T);
  const bool packed = p.m > 4 * tile_rows && spread > near;
  const std::size_t panel = smaller(sum_block, p.k) * width * lanes<T>;
  const std::size_t strip = packed ? panel_elements / panel * width : vectors;

  for (std::size_t v0 = 0; v0 < vectors; v0 += strip) {
    const std::size_t v_end = smaller(vectors, v0 + strip);
    for (std::size_t k0 = 0; k0 < p.k; k0 += sum_block) {
      const std::size_t k = smaller(sum_block, p.k - k0);
      const T* b = p.b + k0 * p.b_row;
      if (packed) pack(k, v_end - v0, width, b + v0 * lanes<T>, p.b_row, panels);
      for (std::size_t i = 0; i < p.m; i += tile_rows) {
        const std::size_t rows = smaller(tile_rows, p.m - i);
        for (std::size_t v = v0; v < v_end;) {
          std::size_t w = width;
          while (w > v_end - v) w /= 2;
          const std::size_t column = v * lanes<T>;
          const T* bv = packed ? panels + (v - v0) * k * lanes<T> : b + column;
          Table::of(w)[rows - 1](k, p.a + i * p.a_row + k0 * p.a_col, p.a_row, p.a_col, bv,
                                 packed ? w * lanes<T> : p.b_row, p, p.c + i * p.c_row + column,
                                 p.bias ? p.bias + column : nullptr, p.accumulate || k0 > 0);
          v += w;
        }
      }
    }
  }
}

// A cache line of partial sums, the same on every vector width, and their sum, halved and folded
// in the same order everywhere.
inline constexpr std::size_t line_vectors = cache_line / NNCORE_VECTOR_BYTES;

template <class T, int H, int... I>
inline Vec<T> fold_lanes(Vec<T> v, std::integer_sequence<int, I...> all) {
  v += __builtin_shufflevector(v, v, (I ^ H)...);
  if constexpr (H > 1) v = fold_lanes<T, H / 2>(v, all);
  return v;
}

template <class T>
inline T fold(Vec<T> (&line)[line_vectors]) {
  for (std::size_t half = line_vectors / 2; half > 0; half /= 2) {
    for (std::size_t j = 0; j < half; ++j) line[j] += line[j + half];
  }
  constexpr int n = int(lanes<T>);
  return fold_lanes<T, n / 2>(line[0], std::make_integer_sequence<int, n>{})[0];
}

template <class T>
void matmul_rows(std::size_t m, std::size_t n, std::size_t k, const T* a, std::size_t a_row,
                 const T* b, std::size_t b_row, T* c, std::size_t c_row) {
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t i = 0; i < m; ++i) {
      Vec<T> line[line_vectors] = {};
      for (std::size_t p = 0; p < k; p += line_lanes<T>) {
        for (std::size_t v = 0; v < line_vectors; ++v) {
          const std::size_t at = p + v * lanes<T>;
          line[v] = fused(load(a + i * a_row + at), load(b + j * b_row + at), line[v]);
        }
      }
      c[i * c_row + j] = fold<T>(line);
    }
  }
}

// One step of a square's transposition: swaps the blocks off the diagonal, H lanes wide, between
// two of its rows.
template <class T, int H, int... I>
inline void swap_blocks(Vec<T>& a, Vec<T>& b, std::integer_sequence<int, I...>) {
  constexpr int n = sizeof...(I);
  const Vec<T> upper = __builtin_shufflevector(a, b, ((I & H) ? n + I - H : I)...);
  b = __builtin_shufflevector(a, b, ((I & H) ? n + I : I + H)...);
  a = upper;
}

template <class T, int H = int(lanes<T>) / 2>
inline void transpose_square(Vec<T> (&v)[lanes<T>]) {
#pragma GCC unroll 16
  for (int i = 0; i < int(lanes<T>); ++i) {
    if (!(i & H)) swap_blocks<T, H>(v[i], v[i + H], std::make_integer_sequence<int, lanes<T>>{});
  }
  if constexpr (H > 1) transpose_square<T, H / 2>(v);
}

template <class T>
void transpose(const T* in, std::size_t in_row, std::size_t rows, std::size_t cols, T* out,
               std::size_t out_row) {
  for (std::size_t i = 0; i < whole_lines<T>(rows); i += lanes<T>) {
    for (std::size_t j = 0; j < cols; j += lanes<T>) {
      Vec<T> square[lanes<T>];
      for (std::size_t r = 0; r < lanes<T>; ++r) {
        square[r] = i + r < rows ? load(in + (i + r) * in_row + j) : Vec<T>{};
      }
      transpose_square<T>(square);
      for (std::size_t c = 0; c < smaller(lanes<T>, cols - j); ++c) {
        store(out + (j + c) * out_row + i, square[c]);
      }
    }
  }
}

// ---- sparse inputs -------------------------------------------------------------------------

inline constexpr std::size_t sparse_vectors = 4;

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
void add_outer_product(const Row& x, const T* d, T* g, std::size_t g_row) {
  Vec<T> delta[NV];
#pragma GCC unroll 4
  for (int j = 0; j < NV; ++j) delta[j] = load(d + std::size_t(j) * lanes<T>);
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

// One column of the mini-batch: c[row] += value * w for its entries.
template <class T, int NV>
void column_times_row(const SparseColumns<T>& x, std::size_t k, const T* w, T* c,
                      std::size_t c_row) {
  Vec<T> weights[NV];
#pragma GCC unroll 4
  for (int j = 0; j < NV; ++j) weights[j] = load(w + std::size_t(j) * lanes<T>);
  for (std::int32_t p = x.starts[k]; p < x.starts[k + 1]; ++p) {
    const Vec<T> value = broadcast(x.entries[p].value);
    T* row = c + static_cast<std::size_t>(x.entries[p].row) * c_row;
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) {
      T* to = row + std::size_t(j) * lanes<T>;
      store(to, fused(value, weights[j], load(to)));
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

// std::integral_constant's conversion would be a function that the linker merges.
template <int N>
struct Constant {
  constexpr operator int() const { return N; }
};

// Calls f with its vector count as a constant, so that the accumulators are registers.
template <class F>
void with_vectors(std::size_t vectors, F f) {
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

// Calls f(column, vectors) for blocks of columns, each over all rows before the next: a block of
// W stays in the cache.
template <class T, class F>
void over_column_blocks(std::size_t n, F f) {
  const std::size_t vectors = whole_lines<T>(n) / lanes<T>;
  for (std::size_t v = 0; v < vectors; v += sparse_vectors) {
    with_vectors(smaller(sparse_vectors, vectors - v), [&](auto nv) { f(v * lanes<T>, nv); });
  }
}

template <class T>
void sparse_matmul(const SparseRows<T>& x, Part part, std::size_t m, std::size_t n, const T* w,
                   std::size_t w_row, T scale, const T* bias, T* c, std::size_t c_row) {
  over_column_blocks<T>(n, [&](std::size_t column, auto nv) {
    for (std::size_t i = 0; i < m; ++i) {
      with_part(x, i, part, [&](const auto& row) {
        row_times_matrix<T, nv>(row, w + column, w_row, scale, bias ? bias + column : nullptr,
                                c + i * c_row + column);
      });
    }
  });
}

template <class T>
void sparse_gradient(const SparseRows<T>& x, Part part, std::size_t m, std::size_t n, const T* d,
                     std::size_t d_row, T* g, std::size_t g_row) {
  over_column_blocks<T>(n, [&](std::size_t column, auto nv) {
    for (std::size_t i = 0; i < m; ++i) {
      with_part(x, i, part, [&](const auto& row) {
        add_outer_product<T, nv>(row, d + i * d_row + column, g + column, g_row);
      });
    }
  });
}

template <class T>
void sparse_matmul_columns(const SparseColumns<T>& x, std::size_t m, std::size_t n, const T* w,
                           std::size_t w_row, T scale, const T* bias, T* c, std::size_t c_row) {
  over_column_blocks<T>(n, [&](std::size_t column, auto nv) {
    const auto each = [&](auto value) {
      for (std::size_t i = 0; i < m; ++i) {
        for (int j = 0; j < nv; ++j) {
          const std::size_t at = column + std::size_t(j) * lanes<T>;
          store(c + i * c_row + at, value(c + i * c_row + at, at));
        }
      }
    };
    each([](const T*, std::size_t) { return Vec<T>{}; });
    for (std::size_t k = 0; k < x.cols; ++k) {
      column_times_row<T, nv>(x, k, w + k * w_row + column, c + column, c_row);
    }
    each([&](const T* sum, std::size_t at) {
      return fused(broadcast(scale), load(sum), load(bias + at));
    });
  });
}

template <class T>
void sparse_gradient_columns(const SparseColumns<T>& x, std::size_t n, const T* d,
                             std::size_t d_row, T* g, std::size_t g_row, bool overwrite) {
  over_column_blocks<T>(n, [&](std::size_t column, auto nv) {
    for (std::size_t k = 0; k < x.cols; ++k) {
      column_gradient<T, nv>(x, k, d + column, d_row, g + k * g_row + column, overwrite);
    }
  });
}

// ---- element by element --------------------------------------------------------------------

template <class T>
void column_sums(const T* d, std::size_t d_row, std::size_t m, std::size_t n, T scale, T* sum) {
  for (std::size_t j = 0; j < n; j += lanes<T>) {
    Vec<T> total = {};
    for (std::size_t i = 0; i < m; ++i) total += load(d + i * d_row + j);
    store(sum + j, fused(broadcast(scale), total, load(sum + j)));
  }
}

// Rows are reduced line by line, and the lanes of a line by halves: one order for every vector
// width.

// A cache line of a row of which `rest` elements are left, `instead` standing for what lies
// beyond: that is read, whatever it is, and plays no part.
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

template <class T, Activation A>
void apply(T* z, std::size_t row, std::size_t m, std::size_t n) {
  using Fn = ActivationFn<A>;
  if constexpr (Fn::elementwise) {
    const std::size_t count = whole_lines<T>(n);
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
void multiply_slope([[maybe_unused]] const T* z, const T* a, T* delta, std::size_t count) {
  using Fn = ActivationFn<A>;
  if constexpr (A == Activation::linear) return;
  if constexpr (Fn::needs_z) {
    for (std::size_t i = 0; i < count; ++i) delta[i] *= Fn::slope(z[i], a[i]);
  } else if constexpr (Fn::elementwise) {
    for (std::size_t i = 0; i < count; ++i) delta[i] *= Fn::slope(a[i], a[i]);
  }
}

template <class T, Cost C>
double cost_value(const T* z, const T* a, const T* y, std::size_t n) {
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
void cost_slope(const T* a, const T* y, T* delta, std::size_t n) {
  for (std::size_t j = 0; j < n; ++j) {
    if constexpr (CostFn<C>::only_canonical) {
      delta[j] = a[j] - y[j];
    } else {
      delta[j] = CostFn<C>::slope(a[j], y[j]);
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

template <class T, Optimizer O>
void update(const Update& u, T* __restrict w, const T* __restrict gradient, T* __restrict s0,
            T* __restrict s1, std::size_t count) {
  using Fn = OptimizerFn<O>;
  const typename Fn::template Rule<T> rule(u);
  const T l2 = T(u.l2), l1 = T(u.l1), eta = T(u.learning_rate);
  for (std::size_t i = 0; i < count; ++i) {
    const T sign = w[i] > T(0) ? T(1) : (w[i] < T(0) ? T(-1) : T(0));
    const T penalty = l2 * w[i] + l1 * sign;
    T g = gradient[i];
    T x = w[i];
    if constexpr (Fn::decoupled) {
      x -= eta * penalty;
    } else {
      g += penalty;
    }
    T none = 0;
    rule(x, g, Fn::slots > 0 ? s0[i] : none, Fn::slots > 1 ? s1[i] : none);
    w[i] = x;
  }
}

// ---- the table -----------------------------------------------------------------------------

template <class T, std::size_t... A, std::size_t... C, std::size_t... O>
constexpr Kernels<T> make_table(const char* instruction_set, std::index_sequence<A...>,
                                std::index_sequence<C...>, std::index_sequence<O...>) {
  return {
      .instruction_set = instruction_set,
      .matmul = matmul<T>,
      .matmul_rows = matmul_rows<T>,
      .transpose = transpose<T>,
      .sparse_matmul = sparse_matmul<T>,
      .sparse_gradient = sparse_gradient<T>,
      .sparse_matmul_columns = sparse_matmul_columns<T>,
      .sparse_gradient_columns = sparse_gradient_columns<T>,
      .column_sums = column_sums<T>,
      .activations = {{{apply<T, Activation(A)>, multiply_slope<T, Activation(A)>,
                        ActivationFn<Activation(A)>::needs_z}...}},
      .costs = {{{cost_value<T, Cost(C)>, cost_slope<T, Cost(C)>, CostFn<Cost(C)>::needs_z}...}},
      .update = {update<T, Optimizer(O)>...},
      .count_nonzeros = count_nonzeros<T>,
      .multiply = multiply<T>,
      .add = add<T>,
      .rescale = rescale<T>};
}

template <class T>
constexpr Kernels<T> make_table(const char* instruction_set) {
  return make_table<T>(instruction_set, std::make_index_sequence<activation_count>{},
                       std::make_index_sequence<cost_count>{},
                       std::make_index_sequence<optimizer_count>{});
}

}  // namespace
}  // namespace nncore
