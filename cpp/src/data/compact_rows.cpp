#include "nncore/compact_rows.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <limits>
#include <span>

#include "compute/products.hpp"
#include "data/narrow_rows.hpp"
#include "threads/parallel.hpp"

namespace nncore {
namespace {

// As many as a byte can number.
constexpr std::size_t most_codes = 256;

// Numbers the values that it is shown, by their bits: a small hash table, probed in sequence.
template <class T>
class Codes {
 public:
  explicit Codes(std::span<T, most_codes> values) : values_(values) {}

  // The value's code, or -1 where it would be one too many.
  int operator()(T value) {
    const auto bits = __builtin_bit_cast(Bits, value);
    for (auto i = static_cast<std::size_t>((bits * multiplier) >> (8 * sizeof(Bits) - 10));; ++i) {
      std::int16_t& code = slots_[i % slots_.size()];
      if (code < 0) {
        if (count_ == values_.size()) return -1;
        values_[count_] = value;
        return code = static_cast<std::int16_t>(count_++);
      }
      if (__builtin_bit_cast(Bits, values_[static_cast<std::size_t>(code)]) == bits) return code;
    }
  }

 private:
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  static constexpr Bits multiplier = static_cast<Bits>(0x9E3779B97F4A7C15u);  // Fibonacci hashing
  std::span<T, most_codes> values_;
  std::size_t count_ = 0;
  std::array<std::int16_t, 1024> slots_ = [] {
    std::array<std::int16_t, 1024> empty{};
    empty.fill(-1);
    return empty;
  }();
};

// The column that splits the non-zeros into halves, estimated from a sample of the rows.
template <class T>
std::size_t middle_column(const Inputs<T>& x) {
  std::vector<std::size_t> columns;
  const std::size_t step = 1 + x.rows() / 1024;
  RowReader<T> rows(x);
  for (std::size_t i = 0; i < x.rows(); i += step) {
    const T* row = rows(i);
    for (std::size_t j = 0; j < x.cols(); ++j) {
      if (row[j] != T(0)) columns.push_back(j);
    }
  }
  if (columns.empty()) return 0;
  const auto middle = columns.begin() + static_cast<std::ptrdiff_t>(columns.size() / 2);
  std::nth_element(columns.begin(), middle, columns.end());
  return *middle;
}

// The byte that stands for 0, or -1 where that is none of them or several.
template <class T>
int zero_byte(const Inputs<T>& x) {
  if (!x.is_narrow() || x.narrow.type != NarrowType::uint8) return -1;
  const std::array<T, most_codes> values = byte_values<T>(x.narrow);
  const auto zero = std::find(values.begin(), values.end(), T(0));
  if (zero == values.end() || std::find(zero + 1, values.end(), T(0)) != values.end()) return -1;
  return static_cast<int>(zero - values.begin());
}

const std::uint8_t* bytes_of_row(const NarrowRows& x, std::size_t i) {
  return static_cast<const std::uint8_t*>(x.data) + i * x.stride;
}

// Codes rows of bytes, which are codes already: row i of x at words + starts[i], offsets[i + 1] -
// offsets[i] non-zeros of it. Returns how many of those are lost in rows that were changed since
// they were counted.
std::size_t code_bytes(const NarrowRows& x, std::uint8_t zero, std::size_t middle,
                       const std::int64_t* offsets, const std::size_t* starts,
                       std::uint16_t* all_words) {
  std::atomic<std::size_t> lost{0};
  const int threads = threads_for(double(x.rows) * double(x.cols), share_of_threads());
  parallel_for(x.rows, 1, threads, [&](int, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const std::uint8_t* bytes = bytes_of_row(x, i);
      const auto count = static_cast<std::size_t>(offsets[i + 1] - offsets[i]);
      std::uint16_t *words = all_words + starts[i], *columns = words + 2;
      auto* coded = reinterpret_cast<std::uint8_t*>(columns + count);
      std::size_t p = 0;
      // Without a branch on the data: a zero is written, too, and then written over.
      const auto code_until = [&](std::size_t j, std::size_t last) {
        for (; p < count && j < last; ++j) {
          const std::uint8_t byte = bytes[j];
          columns[p] = static_cast<std::uint16_t>(j);
          coded[p] = byte;
          p += byte != zero;
        }
      };
      code_until(0, middle);
      words[1] = static_cast<std::uint16_t>(p);
      code_until(middle, x.cols);
      words[0] = static_cast<std::uint16_t>(p);
      if (p < count) {
        std::memmove(columns + p, coded, p);
        lost += count - p;
      }
    }
  });
  return lost;
}

}  // namespace

template <class T>
std::optional<CompactRows<T>> CompactRows<T>::of_inputs(const Inputs<T>& x, bool always) {
  const std::size_t rows = x.rows(), cols = x.cols();
  if (rows == 0 || cols > std::numeric_limits<std::int32_t>::max()) return {};
  CompactRows compact;
  compact.cols_ = cols;
  std::vector<std::int64_t>& offsets = compact.offsets_;
  offsets.assign(rows + 1, 0);
  const int threads = threads_for(double(rows) * double(cols), share_of_threads());

  const int zero = zero_byte(x);
  parallel_for(rows, 1, threads, [&](int, std::size_t begin, std::size_t end) {
    RowReader<T> row_of(x);
    for (std::size_t i = begin; i < end; ++i) {
      std::int32_t count = 0;
      if (zero >= 0) {
        const std::uint8_t* bytes = bytes_of_row(x.narrow, i);
        for (std::size_t j = 0; j < cols; ++j) count += bytes[j] != zero;
        offsets[i + 1] = count;
        continue;
      }
      const T* row = row_of(i);
      for (std::size_t j = 0; j < cols; ++j) count += row[j] != T(0);
      offsets[i + 1] = count;
    }
  });
  for (std::size_t i = 0; i < rows; ++i) offsets[i + 1] += offsets[i];
  compact.nonzeros_ = static_cast<std::size_t>(offsets.back());
  if (!always && !pays_without_zeros(compact.nonzeros_, rows * cols)) return {};
  if (!always && compact.code(x)) return compact;  // codes split rows at a column that x decides

  compact.values_.resize(compact.nonzeros_);
  compact.columns_.resize(compact.nonzeros_);
  parallel_for(rows, 1, threads, [&](int, std::size_t begin, std::size_t end) {
    RowReader<T> row_of(x);
    for (std::size_t i = begin; i < end; ++i) {
      const T* row = row_of(i);
      auto p = static_cast<std::size_t>(offsets[i]);
      const auto last = static_cast<std::size_t>(offsets[i + 1]);
      // Without a branch on the data: a zero is written, too, and then written over. A row that
      // was changed since it was counted may have more non-zeros, or fewer, which leaves zeros.
      for (std::size_t j = 0; p < last && j < cols; ++j) {
        compact.values_[p] = row[j];
        compact.columns_[p] = static_cast<std::int32_t>(j);
        p += row[j] != T(0);
      }
    }
  });
  return compact;
}

// Codes the rows, if their values are few enough.
template <class T>
bool CompactRows<T>::code(const Inputs<T>& x) {
  const std::size_t rows = x.rows(), cols = x.cols();
  if (cols > std::numeric_limits<std::uint16_t>::max()) return false;
  starts_.resize(rows);
  std::size_t size = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    const auto count = static_cast<std::size_t>(offsets_[i + 1] - offsets_[i]);
    starts_[i] = size;
    size += 2 + count + (count + 1) / 2;
  }
  words_.resize(size);
  const std::size_t middle = middle_column(x);
  distinct_.resize(most_codes);
  if (const int zero = zero_byte(x); zero >= 0) {
    std::ranges::copy(byte_values<T>(x.narrow), distinct_.begin());
    nonzeros_ -= code_bytes(x.narrow, static_cast<std::uint8_t>(zero), middle, offsets_.data(),
                            starts_.data(), words_.data());
    offsets_ = {};
    return true;
  }
  Codes<T> codes(std::span<T, most_codes>{distinct_});
  std::size_t lost = 0;
  RowReader<T> row_of(x);
  for (std::size_t i = 0; i < rows; ++i) {
    const T* row = row_of(i);
    const auto count = static_cast<std::size_t>(offsets_[i + 1] - offsets_[i]);
    std::uint16_t *words = words_.data() + starts_[i], *columns = words + 2;
    words[0] = static_cast<std::uint16_t>(count);
    std::uint16_t& before_middle = words[1];
    auto* coded = reinterpret_cast<std::uint8_t*>(columns + count);
    std::size_t p = 0;
    for (std::size_t j = 0; p < count && j < cols; ++j) {
      if (row[j] == T(0)) continue;
      const int number = codes(row[j]);
      if (number < 0) {
        words_ = {};
        starts_ = {};
        distinct_ = {};
        return false;
      }
      columns[p] = static_cast<std::uint16_t>(j);
      before_middle = static_cast<std::uint16_t>(before_middle + (j < middle));
      coded[p++] = static_cast<std::uint8_t>(number);
    }
    if (p < count) {  // the row was changed since it was counted
      std::memmove(columns + p, coded, p);
      words[0] = static_cast<std::uint16_t>(p);
      lost += count - p;
    }
  }
  nonzeros_ -= lost;
  offsets_ = {};
  return true;
}

template <class T>
Inputs<T> CompactRows<T>::view() const {
  if (!starts_.empty()) {
    return DictionaryRows<T>{words_.data(),  starts_.data(), distinct_.data(),
                             starts_.size(), cols_,          nonzeros_};
  }
  return SparseView<T>{values_.data(), columns_.data(), offsets_.data(), offsets_.size() - 1,
                       cols_};
}

template <class T>
std::optional<CompactRows<T>> compact(Inputs<T>& x, bool always) {
  if (x.is_sparse() || x.is_coded()) return {};
  std::optional<CompactRows<T>> rows = CompactRows<T>::of_inputs(x, always);
  if (rows) x = rows->view();
  return rows;
}

template class CompactRows<float>;
template class CompactRows<double>;
template std::optional<CompactRows<float>> compact(Inputs<float>&, bool);
template std::optional<CompactRows<double>> compact(Inputs<double>&, bool);

}  // namespace nncore
