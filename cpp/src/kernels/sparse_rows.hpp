// The sparse rows of a mini-batch, in either of their formats. Included by each instruction set's
// own file, hence the unnamed namespace.
#pragma once

#include <cstddef>
#include <cstdint>

#include "nncore/matrix.hpp"

namespace nncore {

// Row i of the product is row ids[i] (or first + i) of the matrix, which is coded where
// `coded.offsets` is set.
template <class T>
struct SparseRows {
  SparseView<T> matrix;
  CodedView<T> coded;
  const std::int64_t* ids = nullptr;
  std::size_t first = 0;
};

namespace {

template <class T>
struct PlainRow {
  const T* values;
  const std::int32_t* columns;
  std::size_t count;

  const T& value(std::size_t p) const { return values[p]; }
  std::size_t column(std::size_t p) const { return static_cast<std::size_t>(columns[p]); }
};

template <class T>
struct CodedRow {
  const T* values;
  const std::uint16_t* columns;
  const std::uint8_t* codes;
  std::size_t count;

  const T& value(std::size_t p) const { return values[codes[p]]; }
  std::size_t column(std::size_t p) const { return columns[p]; }
};

// Calls f with row i.
template <class T, class F>
inline void with_row(const SparseRows<T>& x, std::size_t i, F f) {
  const std::size_t id = x.ids ? static_cast<std::size_t>(x.ids[i]) : x.first + i;
  if (x.coded.offsets) {
    const std::uint16_t* words = x.coded.words + x.coded.offsets[id];
    const std::size_t count = words[0];
    f(CodedRow<T>{x.coded.values, words + 1,
                  reinterpret_cast<const std::uint8_t*>(words + 1 + count), count});
  } else {
    const std::int64_t begin = x.matrix.offsets[id], end = x.matrix.offsets[id + 1];
    f(PlainRow<T>{x.matrix.values + begin, x.matrix.columns + begin,
                  static_cast<std::size_t>(end - begin)});
  }
}

}  // namespace
}  // namespace nncore
