// Checks of what callers hand in. All throw InvalidArgument.
#pragma once

#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "nncore/error.hpp"
#include "nncore/network.hpp"

namespace nncore {

template <class... Parts>
std::string concat(const Parts&... parts) {
  std::string s;
  const auto add = [&s]<class P>(const P& part) {
    if constexpr (std::is_floating_point_v<P>) {
      char digits[32];
      std::snprintf(digits, sizeof digits, "%g", static_cast<double>(part));
      s += digits;
    } else if constexpr (std::is_arithmetic_v<P>) {
      s += std::to_string(part);
    } else {
      s += part;
    }
  };
  (add(parts), ...);
  return s;
}

// Sizes and labels: what every call looks at. check() in network.hpp also reads all of x.
template <class T>
void check_shapes(const Network<T>& network, const Inputs<T>& x);
template <class T>
void check_shapes(const Network<T>& network, const Samples<T>& samples);

// The weights of so many rows, or none: finite, and 0 or more with one above, or of any sign.
template <class T>
void check_weights(std::span<const T> weights, std::size_t rows, bool are_signed);

// Whether the columns of each sparse row ascend; they were checked. A column that comes twice may.
template <class T>
bool columns_ascend(const SparseView<T>& x);

// Checks that a result of rows by cols fits `out` exactly.
template <class T>
void check_out(const MatrixView<T>& out, std::size_t rows, std::size_t cols, std::string_view what);

// Columns that targets must have for the network's cost, as its outputs stand for them.
template <class T>
std::size_t target_columns(const Network<T>& network) {
  return network.outputs() / outputs_per_target(network.architecture());
}

// That the cost takes labels of classes.
void check_takes_labels(Cost cost);

void check_order(std::span<const std::int64_t> order, std::size_t rows);

template <class T>
bool all_finite(const T* x, std::size_t n) noexcept;

}  // namespace nncore
