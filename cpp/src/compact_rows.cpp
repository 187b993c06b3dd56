#include "nncore/compact_rows.hpp"

#include <limits>

#include "parallel.hpp"

namespace nncore {
namespace {

// A sparse term costs about what four dense ones do: its additions are as many, but it loads its
// own row of weights where a dense tile shares one among several samples.
constexpr std::size_t dense_terms_per_sparse = 4;

}  // namespace

template <class T>
std::optional<CompactRows<T>> CompactRows<T>::of(const MatrixView<const T>& dense) {
  if (dense.rows == 0 || dense.cols > std::numeric_limits<std::int32_t>::max()) return {};
  CompactRows compact;
  compact.cols_ = dense.cols;
  compact.offsets_.assign(dense.rows + 1, 0);
  const int threads = threads_for(double(dense.rows) * double(dense.cols), max_threads());

  parallel_for(dense.rows, 1, threads, [&](int, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const T* row = dense.row(i);
      std::int32_t count = 0;
      for (std::size_t j = 0; j < dense.cols; ++j) count += row[j] != T(0);
      compact.offsets_[i + 1] = count;
    }
  });
  for (std::size_t i = 0; i < dense.rows; ++i) compact.offsets_[i + 1] += compact.offsets_[i];
  const auto total = static_cast<std::size_t>(compact.offsets_.back());
  if (total > dense.rows * dense.cols / dense_terms_per_sparse) return {};

  compact.values_.resize(total);
  compact.columns_.resize(total);
  parallel_for(dense.rows, 1, threads, [&](int, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const T* row = dense.row(i);
      auto p = static_cast<std::size_t>(compact.offsets_[i]);
      const auto last = static_cast<std::size_t>(compact.offsets_[i + 1]);
      // Without a branch on the data: a zero is written, too, and then written over.
      for (std::size_t j = 0; p < last; ++j) {
        compact.values_[p] = row[j];
        compact.columns_[p] = static_cast<std::int32_t>(j);
        p += row[j] != T(0);
      }
    }
  });
  return compact;
}

template <class T>
SparseView<T> CompactRows<T>::view() const {
  return {values_.data(), columns_.data(), offsets_.data(), offsets_.size() - 1, cols_};
}

template class CompactRows<float>;
template class CompactRows<double>;

}  // namespace nncore
