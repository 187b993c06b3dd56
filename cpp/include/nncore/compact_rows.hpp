// Inputs that are mostly zero, stored without their zeros.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "nncore/matrix.hpp"

#pragma GCC visibility push(default)
namespace nncore {

// Whether inputs are faster without their zeros. A sparse term costs about what four dense ones
// do: its additions are as many, but it loads its own row of weights where a dense tile shares one
// among several samples.
constexpr bool pays_without_zeros(std::size_t nonzeros, std::size_t elements) noexcept {
  constexpr std::size_t dense_terms_per_sparse = 4;
  return nonzeros <= elements / dense_terms_per_sparse;
}

// A sparse copy of a dense matrix, for training on inputs that are mostly zero (images of
// writing, one-hot codes, counts): the first layer then costs what its non-zeros cost. Moved, but
// not copied.
template <class T>
class CompactRows {
 public:
  CompactRows(CompactRows&&) noexcept = default;
  CompactRows& operator=(CompactRows&&) noexcept = default;

  // Nothing if more than a quarter of the elements are non-zero: the dense products are faster
  // then. Decided by the data alone. `dense` is read during the call only.
  // O(rows * cols) on the library's threads; keeps 3 bytes a non-zero, or 8 (double: 12) where the
  // values are of more than 256 kinds.
  static std::optional<CompactRows> of(const MatrixView<const T>& dense) {
    return of_inputs(Inputs<T>(dense));
  }
  // The same of dense or narrow inputs.
  // With `always`, however few zeros there are, and in a way that does not depend on the others.
  static std::optional<CompactRows> of_inputs(const Inputs<T>& x, bool always = false);

  // Coded or sparse rows, which live as long as this object or the one that it is moved to.
  Inputs<T> view() const;

 private:
  CompactRows() = default;
  bool code(const Inputs<T>& x);

  // Coded rows; else those of SparseView.
  std::vector<std::uint16_t> words_;
  std::vector<std::size_t> starts_;
  std::vector<T> distinct_;
  std::vector<T> values_;
  std::vector<std::int32_t> columns_;
  std::vector<std::int64_t> offsets_;
  std::size_t nonzeros_ = 0;
  std::size_t cols_ = 0;
};

// Makes x a view of a sparse copy, if it is dense or narrow, and mostly zero (see CompactRows::of),
// and returns the copy, which must live as long as x is used.
template <class T>
[[gnu::visibility("default"), nodiscard]] std::optional<CompactRows<T>> compact(
    Inputs<T>& x, bool always = false);

extern template class CompactRows<float>;
extern template class CompactRows<double>;

}  // namespace nncore
#pragma GCC visibility pop
