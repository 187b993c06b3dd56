// Views of memory that somebody else owns: dense and sparse rows, targets, a data set. Nothing is
// copied or checked when a view is made; the memory must live, and must not change, for as long as
// a call reads it.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "nncore/error.hpp"

#pragma GCC visibility push(default)
namespace nncore {

// A dense matrix: row i starts at data + i * stride (in elements, stride >= cols). data may be null
// if there is no element.
template <class T>
struct MatrixView {
  T* data = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t stride = 0;

  T* row(std::size_t i) const { return data + i * stride; }
};

// The elements as rows of so many columns, one behind the other. Throws InvalidArgument unless they
// are whole rows.
template <class T>
[[gnu::visibility("default")]] MatrixView<T> as_rows(std::span<T> elements, std::size_t cols) {
  if (cols == 0 || elements.size() % cols != 0) {
    throw InvalidArgument(std::to_string(elements.size()) + " elements are no rows of " +
                          std::to_string(cols) + " columns");
  }
  return {elements.data(), elements.size() / cols, cols, cols};
}

// Compressed sparse rows (CSR): row i holds values[p] in columns[p] for p in
// [offsets[i], offsets[i + 1]). Columns may come in any order; repeated ones add up.
template <class T>
struct SparseView {
  const T* values = nullptr;
  const std::int32_t* columns = nullptr;
  const std::int64_t* offsets = nullptr;  // rows + 1 of them
  std::size_t rows = 0;
  std::size_t cols = 0;
  bool ascending = false;  // columns of each row are known to ascend; a Dataset finds out
};

// Sparse rows in three bytes a non-zero, where there are at most 256 different values (images,
// counts, one-hot codes) and 65,535 columns; CompactRows makes them. Row i starts at
// words + offsets[i]: the number n of its non-zeros; how many of them lie before one column, at
// which all rows are split; their n columns, ascending; then n one-byte codes. Code c stands for
// values[c].
template <class T>
struct DictionaryRows {
  const std::uint16_t* words = nullptr;
  const std::size_t* offsets = nullptr;  // rows of them
  const T* values = nullptr;             // 256 of them
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t nonzeros = 0;  // of all rows
};

// What the elements of NarrowRows are: bytes from 0 to 255, or IEEE half precision.
enum class NarrowType : std::uint8_t { uint8, float16 };

// Dense rows of elements that are narrower than float, each of which stands for
// scale * element + offset. They are read where they lie, a mini-batch at a time: images of bytes
// take a quarter of their memory in float32. Row i starts at element i * stride; `data` is aligned
// as its elements are.
struct NarrowRows {
  const void* data = nullptr;
  NarrowType type = NarrowType::uint8;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t stride = 0;
  double scale = 1;
  double offset = 0;
};

// The inputs of a network, a sample a row: dense, sparse where `sparse.offsets` is set, coded
// where `coded.offsets` is, narrow where `narrow.data` is.
template <class T>
struct Inputs {
  MatrixView<const T> dense;
  SparseView<T> sparse;
  DictionaryRows<T> coded;
  NarrowRows narrow;

  Inputs() = default;
  Inputs(MatrixView<const T> view) : dense(view) {}  // NOLINT(google-explicit-constructor)
  // Dense rows of so many columns; see as_rows.
  Inputs(std::span<const T> elements, std::size_t cols) : dense(as_rows(elements, cols)) {}
  Inputs(SparseView<T> view) : sparse(view) {}     // NOLINT(google-explicit-constructor)
  Inputs(DictionaryRows<T> view) : coded(view) {}  // NOLINT(google-explicit-constructor)
  Inputs(NarrowRows view) : narrow(view) {}        // NOLINT(google-explicit-constructor)

  bool is_sparse() const { return sparse.offsets != nullptr; }
  bool is_coded() const { return coded.offsets != nullptr; }
  bool is_narrow() const { return narrow.data != nullptr; }
  std::size_t rows() const {
    return is_coded()    ? coded.rows
           : is_sparse() ? sparse.rows
           : is_narrow() ? narrow.rows
                         : dense.rows;
  }
  std::size_t cols() const {
    return is_coded()    ? coded.cols
           : is_sparse() ? sparse.cols
           : is_narrow() ? narrow.cols
                         : dense.cols;
  }
  // Elements that are stored: all of them where dense.
  std::size_t stored() const {
    return is_coded()    ? coded.nonzeros
           : is_sparse() ? static_cast<std::size_t>(sparse.offsets[sparse.rows])
                         : rows() * cols();
  }
};

// What the outputs should be: a class label a row, or a row of target values. Labels stand for
// one-hot targets, and for a single output 0 and 1 stand for 0 and 1, or for -1 and 1 of tanh.
// Accuracies are measured for labels only.
template <class T>
struct Targets {
  std::span<const std::int64_t> labels;
  MatrixView<const T> values;

  Targets() = default;
  Targets(std::span<const std::int64_t> l) : labels(l) {}  // NOLINT(google-explicit-constructor)
  Targets(MatrixView<const T> v) : values(v) {}            // NOLINT(google-explicit-constructor)
  // Labels in a vector or an array.
  template <std::convertible_to<std::span<const std::int64_t>> Range>
  Targets(const Range& l) : labels(l) {}  // NOLINT(google-explicit-constructor)
  // Rows of so many values; see as_rows.
  Targets(std::span<const T> elements, std::size_t cols) : values(as_rows(elements, cols)) {}

  bool are_labels() const { return values.data == nullptr; }
  std::size_t rows() const { return are_labels() ? labels.size() : values.rows; }
};

// Samples to learn from or to be measured on: as many rows of y as of x, and of weights as of x
// unless there are none, when every sample counts as 1. Weights are 0 or more. From vectors:
//
//   const Samples<float> samples{{pixels, 784}, labels};
template <class T>
struct Samples {
  Inputs<T> x;
  Targets<T> y = {};
  std::span<const T> weights = {};

  std::size_t rows() const { return x.rows(); }
};

}  // namespace nncore
#pragma GCC visibility pop
