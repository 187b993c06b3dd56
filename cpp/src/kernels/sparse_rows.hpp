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
  DictionaryRows<T> coded;
  const std::int64_t* ids = nullptr;
  std::size_t first = 0;
};

// Rows are parted at one column: their sums are of two parts, and two threads that have a part
// each never touch the same row of the weights.
enum class Part : unsigned char { lower, upper };

namespace {

template <class T>
struct PlainRow {
  const T* values;
  const std::int32_t* columns;
  std::size_t count;

  const T& value(std::size_t p) const { return values[p]; }
  std::size_t column(std::size_t p) const { return static_cast<std::size_t>(columns[p]); }
  // Entries before a column, by halving without branches; any place where columns do not ascend.
  std::size_t split_point(std::size_t at) const {
    const std::int32_t* base = columns;
    for (std::size_t n = count; n > 0; n /= 2) {
      const std::size_t step = n - n / 2;
      base += static_cast<std::size_t>(base[step - 1]) < at ? step : 0;
    }
    return static_cast<std::size_t>(base - columns);
  }
  PlainRow slice(std::size_t begin, std::size_t end) const {
    return {values + begin, columns + begin, end - begin};
  }
};

template <class T>
struct CodedRow {
  const T* values;
  const std::uint16_t* columns;
  const std::uint8_t* codes;
  std::size_t count, middle;

  const T& value(std::size_t p) const { return values[codes[p]]; }
  std::size_t column(std::size_t p) const { return columns[p]; }
  std::size_t split_point(std::size_t) const { return middle; }
  CodedRow slice(std::size_t begin, std::size_t end) const {
    return {values, columns + begin, codes + begin, end - begin, 0};
  }
};

// Calls f with row i.
template <class T, class F>
inline void with_row(const SparseRows<T>& x, std::size_t i, F f) {
  const std::size_t id = x.ids ? static_cast<std::size_t>(x.ids[i]) : x.first + i;
  if (x.coded.offsets) {
    const std::uint16_t* words = x.coded.words + x.coded.offsets[id];
    const std::size_t count = words[0];
    f(CodedRow<T>{x.coded.values, words + 2,
                  reinterpret_cast<const std::uint8_t*>(words + 2 + count), count, words[1]});
  } else {
    const std::int64_t begin = x.matrix.offsets[id], end = x.matrix.offsets[id + 1];
    f(PlainRow<T>{x.matrix.values + begin, x.matrix.columns + begin,
                  static_cast<std::size_t>(end - begin)});
  }
}

// The same for one part of the row.
template <class T, class F>
inline void with_part(const SparseRows<T>& x, std::size_t i, Part part, F f) {
  with_row(x, i, [&](const auto& row) {
    const std::size_t middle = row.split_point(x.matrix.cols / 2);
    f(part == Part::lower ? row.slice(0, middle) : row.slice(middle, row.count));
  });
}

}  // namespace
}  // namespace nncore
