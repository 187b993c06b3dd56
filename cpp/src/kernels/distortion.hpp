// Distortions of images: random numbers, elastic fields, thickness, bilinear sampling, noise. Part
// of generic.hpp. No operation is fused, so that all instruction sets give the same bits, also
// those that cannot fuse.
#pragma once

#include "kernels/kernels.hpp"
#include "kernels/vectors.hpp"

namespace nncore {
namespace {

// Philox4x32-10 as in model/random.hpp: the four words of each of `blocks` blocks, whose counters
// differ in their first word. Writes whole groups of 16 blocks.
inline void random_words(std::uint64_t key, const std::uint32_t* counter, std::size_t blocks,
                         std::uint32_t* out) {
  constexpr std::size_t group = 16;
  for (std::size_t first = 0; first < blocks; first += group, out += 4 * group) {
    std::uint32_t c0[group], c1[group], c2[group], c3[group];
    for (std::size_t i = 0; i < group; ++i) {
      c0[i] = counter[0] + static_cast<std::uint32_t>(first + i);
      c1[i] = counter[1];
      c2[i] = counter[2];
      c3[i] = counter[3];
    }
    auto key0 = static_cast<std::uint32_t>(key);
    auto key1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
      for (std::size_t i = 0; i < group; ++i) {
        const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c0[i];
        const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c2[i];
        c0[i] = static_cast<std::uint32_t>(p1 >> 32) ^ c1[i] ^ key0;
        c2[i] = static_cast<std::uint32_t>(p0 >> 32) ^ c3[i] ^ key1;
        c1[i] = static_cast<std::uint32_t>(p1);
        c3[i] = static_cast<std::uint32_t>(p0);
      }
      key0 += 0x9E3779B9u;
      key1 += 0xBB67AE85u;
    }
    for (std::size_t i = 0; i < group; ++i) {
      out[4 * i] = c0[i];
      out[4 * i + 1] = c1[i];
      out[4 * i + 2] = c2[i];
      out[4 * i + 3] = c3[i];
    }
  }
}

// field (height, width) = R N C for nodes N, uniform in [-1, 1) by a word each. Of R and C only the
// part that is not 0 is added up.
template <class T>
void elastic_field(const ElasticGrid<T>& grid, const std::uint32_t* words, T* scratch, T* field) {
  constexpr std::size_t line = line_lanes<T>;
  for (std::size_t i = 0; i < grid.node_rows; ++i) {
    const std::uint32_t* nodes = words + i * grid.node_cols;
    for (std::size_t c = 0, l = 0; c < grid.width; c += line, ++l) {
      Vec<T> sum[line_vectors] = {};
      for (std::size_t j = grid.line_first[l]; j < grid.line_end[l]; ++j) {
        const T* of_node = grid.columns + j * grid.stride + c;
        const Vec<T> node = broadcast(T(static_cast<std::int32_t>(nodes[j])) * T(0x1p-31));
#pragma GCC unroll 4
        for (std::size_t v = 0; v < line_vectors; ++v) {
          sum[v] += node * load(of_node + v * lanes<T>);
        }
      }
#pragma GCC unroll 4
      for (std::size_t v = 0; v < line_vectors; ++v) {
        store(scratch + i * grid.stride + c + v * lanes<T>, sum[v]);
      }
    }
  }
  for (std::size_t r = 0; r < grid.height; ++r) {
    const T* weights = grid.rows + r * elastic_reach;
    const T* across = scratch + grid.row_first[r] * grid.stride;
    for (std::size_t c = 0; c < grid.width; c += line) {
      Vec<T> sum[line_vectors] = {};
#pragma GCC unroll 10
      for (std::size_t k = 0; k < elastic_reach; ++k) {
        const Vec<T> weight = broadcast(weights[k]);
#pragma GCC unroll 4
        for (std::size_t v = 0; v < line_vectors; ++v) {
          sum[v] += weight * load(across + k * grid.stride + c + v * lanes<T>);
        }
      }
#pragma GCC unroll 4
      for (std::size_t v = 0; v < line_vectors; ++v) {
        store(field + r * grid.stride + c + v * lanes<T>, sum[v]);
      }
    }
  }
}

// to = (1 - part) from + part * the extreme of each pixel and its four neighbours. Both images are
// framed; the frame of `to` stays as it is.
template <class T>
void thicken(const T* from, std::size_t stride, std::size_t height, std::size_t width, T part,
             bool thicker, T* __restrict to) {
  const T rest = T(1) - part;
  for (std::size_t r = 0; r < height; ++r) {
    const T* x = from + (r + 1) * stride + 1;
    T* __restrict out = to + (r + 1) * stride + 1;
    if (thicker) {
      for (std::size_t c = 0; c < width; ++c) {
        const T a = x[c - stride] > x[c + stride] ? x[c - stride] : x[c + stride];
        const T b = x[c - 1] > x[c + 1] ? x[c - 1] : x[c + 1];
        const T ab = a > b ? a : b;
        out[c] = rest * x[c] + part * (ab > x[c] ? ab : x[c]);
      }
    } else {
      for (std::size_t c = 0; c < width; ++c) {
        const T a = x[c - stride] < x[c + stride] ? x[c - stride] : x[c + stride];
        const T b = x[c - 1] < x[c + 1] ? x[c - 1] : x[c + 1];
        const T ab = a < b ? a : b;
        out[c] = rest * x[c] + part * (ab < x[c] ? ab : x[c]);
      }
    }
  }
}

// Each pixel of the output is mixed of the four of the image that it lies between. The places come
// first, then the four are fetched, then they are mixed: two of these three loops become vector
// code that way, and the other one is short.
template <class T>
void warp(const WarpArgs<T>& args) {
  constexpr std::size_t chunk = 64;
  const T x_most = T(args.width) + T(1), y_most = T(args.height) + T(1);
  const auto stride = static_cast<std::int32_t>(args.stride);
  const T xx = args.xx, yx = args.yx, x_centre = args.x_centre;
  for (std::size_t r = 0; r < args.height; ++r) {
    const T v = T(static_cast<std::int32_t>(r)) - args.y_centre;
    const T x_of_row = args.xy * v + args.x_start, y_of_row = args.yy * v + args.y_start;
    for (std::size_t begin = 0; begin < args.width; begin += chunk) {
      const std::size_t count = smaller(chunk, args.width - begin);
      T fx[chunk], fy[chunk], above[2 * chunk], below[2 * chunk];
      std::int32_t at[chunk];
      for (std::size_t c = 0; c < count; ++c) {
        const T u = T(static_cast<std::int32_t>(begin + c)) - x_centre;
        fx[c] = xx * u + x_of_row;
        fy[c] = yx * u + y_of_row;
      }
      if (args.dx) {
        const T* dx = args.dx + r * args.field_stride + begin;
        const T* dy = args.dy + r * args.field_stride + begin;
        for (std::size_t c = 0; c < count; ++c) {
          fx[c] += dx[c];
          fy[c] += dy[c];
        }
      }
      for (std::size_t c = 0; c < count; ++c) {
        T x = fx[c] > T(0) ? fx[c] : T(0), y = fy[c] > T(0) ? fy[c] : T(0);
        x = x < x_most ? x : x_most;
        y = y < y_most ? y : y_most;
        const auto column = static_cast<std::int32_t>(x), row = static_cast<std::int32_t>(y);
        fx[c] = x - T(column);
        fy[c] = y - T(row);
        at[c] = row * stride + column;
      }
      const std::size_t step = args.channels;
      for (std::size_t channel = 0; channel < step; ++channel) {
        const T* image = args.image + channel * args.plane;
        for (std::size_t c = 0; c < count; ++c) {
          __builtin_memcpy(above + 2 * c, image + at[c], 2 * sizeof(T));
          __builtin_memcpy(below + 2 * c, image + at[c] + stride, 2 * sizeof(T));
        }
        T* __restrict out = args.out + (r * args.width + begin) * step + channel;
        const auto mixed = [&](std::size_t c) {
          const T gx = T(1) - fx[c], gy = T(1) - fy[c];
          return gy * (gx * above[2 * c] + fx[c] * above[2 * c + 1]) +
                 fy[c] * (gx * below[2 * c] + fx[c] * below[2 * c + 1]);
        };
        if (step == 1) {
          for (std::size_t c = 0; c < count; ++c) out[c] = mixed(c);
        } else {
          for (std::size_t c = 0; c < count; ++c) out[c * step] = mixed(c);
        }
      }
    }
  }
}

// x[i] += scale * (the sum of a word's four bytes, less their mean).
template <class T>
void add_noise(T* __restrict x, const std::uint32_t* words, std::size_t count, T scale) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t w = words[i];
    const std::uint32_t sum = (w & 255) + (w >> 8 & 255) + (w >> 16 & 255) + (w >> 24);
    x[i] += scale * T(static_cast<std::int32_t>(sum) - 510);
  }
}

}  // namespace
}  // namespace nncore
