#include "data/check.hpp"

#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>
#include <type_traits>

#include "data/narrow_rows.hpp"
#include "threads/parallel.hpp"

namespace nncore {

template <class T>
bool all_finite(const T* x, std::size_t n) noexcept {
  // On the bits, where "any" is an integer reduction that becomes vector code.
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  const Bits exponent = __builtin_bit_cast(Bits, static_cast<T>(HUGE_VAL));
  Bits bad = 0;
  for (std::size_t i = 0; i < n; ++i) {
    bad |= Bits{(__builtin_bit_cast(Bits, x[i]) & exponent) == exponent};
  }
  return bad == 0;
}

namespace {

// Throws at the first number that is not finite; column_of(place) is its column. There may be no
// such number any more, since another thread may write to x.
template <class T, class F>
void check_finite(const T* x, std::size_t n, const char* what, std::size_t row, F column_of) {
  if (all_finite(x, n)) return;
  for (std::size_t p = 0; p < n; ++p) {
    const T value = x[p];
    if (std::isfinite(value)) continue;
    throw InvalidArgument(concat(what, " has ", std::isnan(value) ? "NaN" : "infinity", " in row ",
                                 row, ", column ", column_of(p), "; expected finite numbers"));
  }
}

template <class T>
void check_finite(const T* x, std::size_t n, const char* what, std::size_t row) {
  check_finite(x, n, what, row, [](std::size_t p) { return p; });
}

// The number of rows where all are finite.
template <class T>
std::size_t first_row_not_finite(const MatrixView<const T>& x) {
  std::atomic<std::size_t> first{x.rows};
  const int threads = threads_for(double(x.rows) * double(x.cols), share_of_threads());
  parallel_for(x.rows, 1, threads, [&](int, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end && i < first.load(std::memory_order_relaxed); ++i) {
      if (all_finite(x.row(i), x.cols)) continue;
      std::size_t known = first;
      while (i < known && !first.compare_exchange_weak(known, i)) {
      }
    }
  });
  return first;
}

// Elements, and all that scale and offset can make of them.
template <class T>
void check_finite(const NarrowRows& x) {
  const double largest = x.type == NarrowType::uint8 ? 255 : 65504;
  const double bound = std::abs(x.scale) * largest + std::abs(x.offset);
  if (!(bound <= static_cast<double>(std::numeric_limits<T>::max()))) {
    throw InvalidArgument(concat("x has the scale ", x.scale, " and the offset ", x.offset,
                                 "; expected finite numbers that give such"));
  }
  for (std::size_t i = 0; i < x.rows; ++i) {
    if (all_finite_row(x, i)) continue;
    for (std::size_t j = 0; j < x.cols; ++j) {
      NarrowRows one = x;
      one.data = static_cast<const char*>(x.data) + (i * x.stride + j) * 2;
      one.cols = 1;
      if (all_finite_row(one, 0)) continue;
      throw InvalidArgument(
          concat("x has NaN or infinity in row ", i, ", column ", j, "; expected finite numbers"));
    }
  }
}

template <class T>
void check_finite(const Inputs<T>& x) {
  if (x.is_narrow()) return check_finite<T>(x.narrow);
  if (!x.is_sparse()) {
    const std::size_t bad = first_row_not_finite(x.dense);
    if (bad < x.rows()) check_finite(x.dense.row(bad), x.cols(), "x", bad);
    return;
  }
  const SparseView<T>& sparse = x.sparse;
  for (std::size_t i = 0; i < sparse.rows; ++i) {
    const auto begin = static_cast<std::size_t>(sparse.offsets[i]);
    const auto end = static_cast<std::size_t>(sparse.offsets[i + 1]);
    check_finite(sparse.values + begin, end - begin, "x", i,
                 [&](std::size_t p) { return sparse.columns[begin + p]; });
  }
}

template <class T>
void check_structure(const SparseView<T>& x) {
  const auto columns = static_cast<std::int64_t>(x.cols);
  if (x.offsets[0] != 0) {
    throw InvalidArgument(concat("sparse x starts at offset ", x.offsets[0], "; expected 0"));
  }
  for (std::size_t i = 0; i < x.rows; ++i) {
    if (x.offsets[i + 1] < x.offsets[i]) {
      throw InvalidArgument(concat("sparse x ends row ", i, " before its start"));
    }
  }
  for (std::int64_t p = 0; p < x.offsets[x.rows]; ++p) {
    if (x.columns[p] < 0 || x.columns[p] >= columns) {
      throw InvalidArgument(concat("sparse x has a value in column ", x.columns[p],
                                   "; the network takes columns 0 to ", columns - 1));
    }
  }
}

template <class T>
void check_weight_count(std::span<const T> weights, std::size_t rows) {
  if (!weights.empty() && weights.size() != rows) {
    throw InvalidArgument(
        concat("there are ", weights.size(), " sample weights; x has ", rows, " rows"));
  }
}

}  // namespace

template <class T>
void check_shapes(const Network<T>& network, const Inputs<T>& x) {
  if (x.cols() != network.inputs()) {
    throw InvalidArgument(
        concat("x has ", x.cols(), " columns; the network takes ", network.inputs()));
  }
}

template <class T>
void check_shapes(const Network<T>& network, const Samples<T>& samples) {
  check_shapes(network, samples.x);
  const std::size_t rows = samples.rows();
  if (samples.y.rows() != rows) {
    throw InvalidArgument(concat("y has ", samples.y.rows(), " rows; x has ", rows));
  }
  if (samples.y.are_labels()) {
    check_takes_labels(network.architecture().cost);
    const auto classes = static_cast<std::int64_t>(network.outputs() == 1 ? 2 : network.outputs());
    for (std::size_t i = 0; i < rows; ++i) {
      const std::int64_t label = samples.y.labels[i];
      if (label < 0 || label >= classes) {
        throw InvalidArgument(concat("y has the label ", label, " in row ", i,
                                     "; the network's outputs stand for labels 0 to ",
                                     classes - 1));
      }
    }
  } else if (network.architecture().cost == Cost::custom) {
    if (samples.y.values.cols == 0) throw InvalidArgument("y has 0 columns; expected some");
  } else if (samples.y.values.cols != target_columns(network)) {
    const std::size_t each = outputs_per_target(network.architecture());
    throw InvalidArgument(concat("y has ", samples.y.values.cols, " columns; the network has ",
                                 network.outputs(), " outputs",
                                 each > 1 ? concat(", ", each, " for each target") : ""));
  }
  check_weight_count(samples.weights, rows);
}

template <class T>
void check_weights(std::span<const T> weights, std::size_t rows, bool are_signed) {
  check_weight_count(weights, rows);
  double sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const auto weight = static_cast<double>(weights[i]);
    if (!(are_signed || weight >= 0) || !std::isfinite(weight)) {
      throw InvalidArgument(concat("sample weight ", i, " is ", weight, "; expected finite numbers",
                                   are_signed ? "" : " from 0 up"));
    }
    sum += std::abs(weight);
  }
  if (!weights.empty() && sum == 0 && !are_signed) {
    throw InvalidArgument("all sample weights are 0; expected at least one above");
  }
}

template <class T>
void check_out(const MatrixView<T>& out, std::size_t rows, std::size_t cols,
               std::string_view what) {
  if (out.rows != rows || out.cols != cols) {
    throw InvalidArgument(
        concat(what, " is ", out.rows, " x ", out.cols, "; expected ", rows, " x ", cols));
  }
  if (out.stride < cols) {
    throw InvalidArgument(
        concat(what, " has the stride ", out.stride, "; expected at least its ", cols, " columns"));
  }
}

void check_takes_labels(Cost cost) {
  if (takes_labels(cost)) return;
  throw InvalidArgument(
      concat("y are labels of classes; the cost ", name(cost), " takes numbers as targets"));
}

void check_order(std::span<const std::int64_t> order, std::size_t rows) {
  for (const std::int64_t row : order) {
    if (row < 0 || static_cast<std::size_t>(row) >= rows) {
      throw InvalidArgument(concat("the order names row ", row, "; expected 0 to ", rows, " - 1"));
    }
  }
}

template <class T>
void check(const Network<T>& network, const Inputs<T>& x) {
  check_shapes(network, x);
  if (x.is_coded()) return;  // made from finite numbers
  if (x.is_sparse()) check_structure(x.sparse);
  check_finite(x);
}

template <class T>
void check(const Network<T>& network, const Samples<T>& samples, bool signed_weights) {
  check_shapes(network, samples);
  check(network, samples.x);
  const auto [low, high, sum_to_one] = target_range(network.architecture().cost);
  if (!samples.y.are_labels()) {
    for (std::size_t i = 0; i < samples.rows(); ++i) {
      const T* row = samples.y.values.row(i);
      check_finite(row, samples.y.values.cols, "y", i);
      for (std::size_t j = 0; j < samples.y.values.cols; ++j) {
        if (static_cast<double>(row[j]) < low || static_cast<double>(row[j]) > high) {
          throw InvalidArgument(
              concat("y has ", row[j], " in row ", i, ", column ", j, "; the cost ",
                     name(network.architecture().cost), " takes targets from ", low,
                     std::isinf(high) ? std::string(" up") : concat(" to ", high)));
        }
      }
      if (!sum_to_one) continue;
      const double sum = std::accumulate(row, row + samples.y.values.cols, 0.0);
      if (std::abs(sum - 1) > 1e-4) {  // as rounded as a float32 softmax may be
        throw InvalidArgument(concat("y sums to ", sum, " in row ", i, "; the cost ",
                                     name(network.architecture().cost),
                                     " takes probabilities that sum to 1"));
      }
    }
  }
  check_weights(samples.weights, samples.rows(), signed_weights);
}

template <class T>
bool columns_ascend(const SparseView<T>& x) {
  bool ascend = true;
  for (std::size_t i = 0; i < x.rows && ascend; ++i) {
    const std::int32_t *from = x.columns + x.offsets[i], *to = x.columns + x.offsets[i + 1];
    for (; from + 1 < to; ++from) ascend &= from[0] <= from[1];
  }
  return ascend;
}

#define NNCORE_INSTANTIATE(T)                                                                      \
  template bool columns_ascend(const SparseView<T>&);                                              \
  template bool all_finite(const T*, std::size_t) noexcept;                                        \
  template void check_out(const MatrixView<T>&, std::size_t, std::size_t, std::string_view);       \
  template void check_out(const MatrixView<const T>&, std::size_t, std::size_t, std::string_view); \
  template void check_shapes(const Network<T>&, const Inputs<T>&);                                 \
  template void check_shapes(const Network<T>&, const Samples<T>&);                                \
  template void check_weights(std::span<const T>, std::size_t, bool);                              \
  template void check(const Network<T>&, const Inputs<T>&);                                        \
  template void check(const Network<T>&, const Samples<T>&, bool);
NNCORE_INSTANTIATE(float)
NNCORE_INSTANTIATE(double)
#undef NNCORE_INSTANTIATE

}  // namespace nncore
