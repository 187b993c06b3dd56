// Rows of narrow elements as the numbers that they stand for.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "nncore/matrix.hpp"

namespace nncore {

// Writes row i of x to `to`, x.cols numbers.
template <class T>
void widen_row(const NarrowRows& x, std::size_t i, T* to);

// What each byte stands for in rows of bytes.
template <class T>
std::array<T, 256> byte_values(const NarrowRows& x);

// Whether no element of row i is NaN or infinite.
bool all_finite_row(const NarrowRows& x, std::size_t i);

// Rows of dense or narrow inputs one by one, for one thread.
template <class T>
class RowReader {
 public:
  explicit RowReader(const Inputs<T>& x) : x_(x), row_(x.is_narrow() ? x.cols() : 0) {}

  // Row i, until the next one is asked for.
  const T* operator()(std::size_t i) {
    if (!x_.is_narrow()) return x_.dense.row(i);
    widen_row(x_.narrow, i, row_.data());
    return row_.data();
  }

 private:
  const Inputs<T>& x_;
  std::vector<T> row_;
};

}  // namespace nncore
