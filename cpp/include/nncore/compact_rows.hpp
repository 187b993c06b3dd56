// Inputs that are mostly zero, stored without their zeros.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "nncore/matrix.hpp"

namespace [[gnu::visibility("default")]] nncore {

// A sparse copy of a dense matrix, for training on inputs that are mostly zero (images of
// writing, one-hot codes, counts): the first layer then costs what its non-zeros cost.
template <class T>
class CompactRows {
 public:
  // Nothing if more than a quarter of the elements are non-zero: the dense products are faster
  // then. Decided by the data alone. `dense` is read during the call only. O(rows * cols) on the
  // library's threads; keeps 3 bytes a non-zero, or 8 (double: 12) where the values are of more
  // than 256 kinds.
  static std::optional<CompactRows> of(const MatrixView<const T>& dense);

  // Coded or sparse rows; lives as long as this object, which must not move meanwhile.
  Inputs<T> view() const;

 private:
  bool code(const MatrixView<const T>& dense);

  // Coded rows; else those of SparseView.
  std::vector<std::uint16_t> words_;
  std::vector<std::size_t> starts_;
  std::array<T, 256> distinct_{};
  std::vector<T> values_;
  std::vector<std::int32_t> columns_;
  std::vector<std::int64_t> offsets_;
  std::size_t nonzeros_ = 0;
  std::size_t cols_ = 0;
};

extern template class CompactRows<float>;
extern template class CompactRows<double>;

}  // namespace nncore
