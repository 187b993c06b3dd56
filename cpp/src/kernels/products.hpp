// Products of dense matrices: register tiles over packed panels, single rows, dot products,
// transposition. Part of generic.hpp.
#pragma once

#include "kernels/vectors.hpp"

namespace nncore {
namespace {

inline constexpr int tile_rows = NNCORE_TILE_ROWS;
// Rows of C that GemmArgs::epilogue is called with.
inline constexpr std::size_t epilogue_rows = 4 * tile_rows;

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
          std::size_t b_row, const GemmArgs<T>& p, T* c, const T* bias, bool accumulate) {
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

// Which terms of one block of a row's sums are not zero: their places in the block.
struct NonzeroList {
  const std::uint8_t* list;
  std::size_t count;
};

template <class T, int NV>
inline void add_term(std::size_t t, const T* a, const T* b, std::size_t b_row, Vec<T> (&sum)[NV]) {
  const Vec<T> at = broadcast(a[t]);
#pragma GCC unroll 8
  for (int j = 0; j < NV; ++j) {
    sum[j] = fused(at, load(b + t * b_row + std::size_t(j) * lanes<T>), sum[j]);
  }
}

// A tile of one row of A, over the listed terms alone.
template <class T, int NV>
void nonzero_tile(const NonzeroList& x, const T* a, const T* b, std::size_t b_row, T scale, T* c,
                  const T* bias, bool accumulate) {
  Vec<T> sum[NV] = {};
  for (std::size_t p = 0; p < x.count; ++p) add_term<T, NV>(x.list[p], a, b, b_row, sum);
  finish<T, NV>(sum, scale, c, bias, accumulate);
}

// Two blocks of the sum, one behind the other, which hide each other's latency where a row of C
// has too few vectors for that.
template <class T, int NV>
void two_nonzero_tiles(const NonzeroList& x, const NonzeroList& y, const T* a, const T* b,
                       std::size_t b_row, T scale, T* c, const T* bias, bool accumulate) {
  const T *a_y = a + sum_block, *b_y = b + sum_block * b_row;
  Vec<T> sum[NV] = {}, sum_y[NV] = {};
  const std::size_t both = smaller(x.count, y.count);
  for (std::size_t p = 0; p < both; ++p) {
    add_term<T, NV>(x.list[p], a, b, b_row, sum);
    add_term<T, NV>(y.list[p], a_y, b_y, b_row, sum_y);
  }
  for (std::size_t p = both; p < x.count; ++p) add_term<T, NV>(x.list[p], a, b, b_row, sum);
  for (std::size_t p = both; p < y.count; ++p) add_term<T, NV>(y.list[p], a_y, b_y, b_row, sum_y);
  finish<T, NV>(sum, scale, c, bias, accumulate);
  finish<T, NV>(sum_y, scale, c, nullptr, true);
}

template <class T>
using Tile = void (*)(std::size_t, const T*, std::size_t, std::size_t, const T*, std::size_t,
                      const GemmArgs<T>&, T*, const T*, bool);

template <class T>
using NonzeroTile = void (*)(const NonzeroList&, const T*, const T*, std::size_t, T, T*, const T*,
                             bool);

template <class T, class Rows>
struct Tiles;

// The tiles, by their vectors and rows. Few rows leave registers for more vectors, which hide the
// latency of the additions and read longer pieces of B.
template <class T, int... I>
struct Tiles<T, std::integer_sequence<int, I...>> {
  static constexpr NonzeroTile<T> nonzero(std::size_t vectors) {
    return vectors == 8   ? nonzero_tile<T, 8>
           : vectors == 4 ? nonzero_tile<T, 4>
           : vectors == 2 ? nonzero_tile<T, 2>
                          : nonzero_tile<T, 1>;
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

// For every byte the places of its set bits, lowest first: one byte each, in the order of memory.
struct SetBits {
  std::uint64_t places[256];
  std::uint8_t count[256];
};
constexpr SetBits list_set_bits() {
  SetBits bits{};
  for (unsigned mask = 0; mask < 256; ++mask) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      if (!(mask >> bit & 1)) continue;
      const unsigned byte = bits.count[mask]++;
      const unsigned place = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 7 - byte : byte;
      bits.places[mask] |= std::uint64_t{bit} << (8 * place);
    }
  }
  return bits;
}
inline constexpr SetBits set_bits = list_set_bits();

// A mask with a bit for every lane that is not zero. An instruction set's file may bring its own.
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
// `group` rows share a strip of B while it is in L2.
template <class T, std::size_t group>
void nonzero_matmul(const GemmArgs<T>& p) {
  using Table = Tiles<T, std::make_integer_sequence<int, tile_rows>>;
  const std::size_t vectors = whole_lines<T>(p.n) / lanes<T>;
  std::uint8_t lists[group][sum_block + 8];
  NonzeroList nonzeros[group];
  for (std::size_t i0 = 0; i0 < p.m; i0 += group) {
    const std::size_t rows = smaller(group, p.m - i0);
    for (std::size_t k0 = 0; k0 < p.k; k0 += sum_block) {
      const T* a = p.a + i0 * p.a_row + k0;
      for (std::size_t i = 0; i < rows; ++i) {
        const std::size_t k = smaller(sum_block, p.k - k0);
        nonzeros[i] = {lists[i], list_nonzeros(a + i * p.a_row, k, lists[i])};
      }
      std::size_t width = 8;
      for (std::size_t v = 0; v < vectors; v += width) {
        while (width > vectors - v) width /= 2;
        const std::size_t column = v * lanes<T>;
        for (std::size_t i = 0; i < rows; ++i) {
          Table::nonzero(width)(nonzeros[i], a + i * p.a_row, p.b + k0 * p.b_row + column, p.b_row,
                                p.scale, p.c + (i0 + i) * p.c_row + column,
                                p.bias ? p.bias + column : nullptr, p.accumulate || k0 > 0);
        }
      }
    }
    if (p.epilogue) p.epilogue(p.context, p.c + i0 * p.c_row, rows, p.n);
  }
}

// The same for one row of A and a narrow C, two blocks of the sum at a time.
template <class T, int NV>
void nonzero_row(const GemmArgs<T>& p) {
  std::uint8_t lists[2][sum_block + 8];
  for (std::size_t k0 = 0; k0 < p.k; k0 += 2 * sum_block) {
    const T *a = p.a + k0, *b = p.b + k0 * p.b_row;
    const std::size_t first = smaller(sum_block, p.k - k0),
                      second = smaller(sum_block, p.k - k0 - first);
    const NonzeroList x{lists[0], list_nonzeros(a, first, lists[0])};
    const bool accumulate = p.accumulate || k0 > 0;
    if (second == 0) {
      nonzero_tile<T, NV>(x, a, b, p.b_row, p.scale, p.c, p.bias, accumulate);
    } else {
      const NonzeroList y{lists[1], list_nonzeros(a + first, second, lists[1])};
      two_nonzero_tiles<T, NV>(x, y, a, b, p.b_row, p.scale, p.c, p.bias, accumulate);
    }
  }
  if (p.epilogue) p.epilogue(p.context, p.c, 1, p.n);
}

// Sums of one term each, for rows of A and C and NV vectors of columns: C += scale * a b^T.
template <class T, int NV>
void rank_one_update(const GemmArgs<T>& p, std::size_t first, std::size_t rows,
                     std::size_t column) {
  const Vec<T> scale = broadcast(p.scale);
  Vec<T> b[NV];
#pragma GCC unroll 4
  for (int j = 0; j < NV; ++j) b[j] = load(p.b + column + std::size_t(j) * lanes<T>);
  // Locals, which the stores cannot change.
  const std::size_t a_row = p.a_row, c_row = p.c_row;
  const T* a = p.a + first * a_row;
  T* c = p.c + first * c_row + column;
  for (; rows > 0; --rows, a += a_row, c += c_row) {
    const Vec<T> at = broadcast(*a);
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) {
      T* to = c + std::size_t(j) * lanes<T>;
      store(to, fused(scale, fused(at, b[j], Vec<T>{}), load(to)));
    }
  }
}

// A narrow C is one block of columns. The rows of a wide one may lie on a page each, so it is done
// few of them at a time.
template <class T>
void rank_one_update(const GemmArgs<T>& p) {
  constexpr std::size_t few = 2 * tile_rows;
  const std::size_t group = whole_lines<T>(p.n) <= vectors_at_once * lanes<T> ? p.m : few;
  for (std::size_t i = 0; i < p.m; i += group) {
    for_each_column_block<T>(p.n, [&](std::size_t column, auto nv) {
      rank_one_update<T, nv>(p, i, smaller(group, p.m - i), column);
    });
  }
}

// Strip by strip of C's columns: a packed strip of B stays in L2, a tile's rows of A and one panel
// of the strip in L1.
template <class T>
void matmul(const GemmArgs<T>& p, T* panels) {
  using Table = Tiles<T, std::make_integer_sequence<int, tile_rows>>;
  const std::size_t vectors = whole_lines<T>(p.n) / lanes<T>;
  // One row is bound by the memory of B, of which this reads less.
  if (p.a_col == 1 && p.m == 1 && vectors == 4) return nonzero_row<T, 4>(p);
  if (p.a_col == 1 && p.m == 1 && vectors == 2) return nonzero_row<T, 2>(p);
  if (p.a_col == 1 && p.m == 1) return nonzero_matmul<T, 1>(p);  // needs little stack
  if (p.a_col == 1 && p.mostly_zero) return nonzero_matmul<T, 128>(p);
  if (p.k == 1 && p.accumulate && !p.epilogue) return rank_one_update(p);
  const std::size_t width = p.m == 1 ? 8 : p.m == 2 ? 4 : 2;
  // Packing pays where the rows of B lie on more pages than the processor remembers the places of,
  // and are read often enough.
  constexpr std::size_t near = std::size_t{1} << 17;
  const std::size_t spread = smaller(sum_block, p.k) * p.b_row * sizeof(T);
  const bool packed = p.m > 4 * tile_rows && spread > near;
  const std::size_t panel = smaller(sum_block, p.k) * width * lanes<T>;
  const std::size_t fits = panel_elements / panel * width;
  const std::size_t strip = packed ? fits - fits % line_vectors : vectors;

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
        const std::size_t done = i + rows;
        if (p.epilogue && k0 + k == p.k && (done % epilogue_rows == 0 || done == p.m)) {
          const std::size_t first = i / epilogue_rows * epilogue_rows, column = v0 * lanes<T>;
          p.epilogue(p.context, p.c + first * p.c_row + column, done - first,
                     smaller(v_end * lanes<T>, p.n) - column);
        }
      }
    }
  }
}

template <class T>
void gemm_nt(std::size_t m, std::size_t n, std::size_t k, const T* a, std::size_t a_row, const T* b,
             std::size_t b_row, T* c, std::size_t c_row) {
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t i = 0; i < m; ++i) {
      Vec<T> line[line_vectors] = {};
      for (std::size_t p = 0; p < k; p += line_lanes<T>) {
        for (std::size_t v = 0; v < line_vectors; ++v) {
          const std::size_t at = p + v * lanes<T>;
          line[v] = fused(load(a + i * a_row + at), load(b + j * b_row + at), line[v]);
        }
      }
      c[i * c_row + j] = reduce_line<Sum<T>, T>(line);
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

}  // namespace
}  // namespace nncore
