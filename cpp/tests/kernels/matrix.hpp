// What the kernels are handed in tests, and how near to it their results have to be.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "kernels/of_many.hpp"
#include "threads/memory.hpp"

namespace nncore {

template <class T>
constexpr double tolerance = sizeof(T) == 4 ? 2e-6 : 4e-15;

// A matrix with padded, aligned rows; numbers in [-1, 1], padding zero.
template <class T>
struct Matrix {
  std::size_t rows, cols, stride;
  Buffer<T> memory;

  Matrix(std::size_t r, std::size_t c, std::uint64_t seed)
      : rows(r), cols(c), stride(padded<T>(c)) {
    T* p = memory.reserve(r * stride);
    std::uint64_t random = seed;  // Philox would take longer than the kernels do
    for (std::size_t i = 0; i < r; ++i) {
      for (std::size_t j = 0; j < c; ++j) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        p[i * stride + j] = static_cast<T>(double(static_cast<std::int64_t>(random)) * 0x1p-63);
      }
    }
  }
  T* data() { return memory.data(); }
  T& at(std::size_t i, std::size_t j) { return memory.data()[i * stride + j]; }
  void check_padding() {
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = cols; j < stride; ++j) REQUIRE_OF_MANY(at(i, j) == T(0), j);
    }
  }
};

template <class T>
void check_close(T found, double expected, double scale = 1) {
  const double error = std::abs(double(found) - expected);
  const double limit = tolerance<T> * std::max(scale, std::abs(expected));
  REQUIRE_OF_MANY(error <= limit, expected);
}

}  // namespace nncore
