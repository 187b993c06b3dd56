#include "batch.hpp"

#include <algorithm>

#include "parallel.hpp"
#include "random.hpp"

namespace nncore {
namespace {

template <class E>
void fetch(const E* from, std::size_t count) {
  for (std::size_t p = 0; p < count; p += cache_line / sizeof(E)) __builtin_prefetch(from + p);
}

}  // namespace

template <class T>
void prefetch_next(const Batch<T>& batch) {
  const SparseRows<T>& x = batch.next;
  const std::size_t rows = batch.next_rows;
  if (x.coded.offsets) {
    // As many words as a row has on average: to look at its count would be to wait for it.
    const std::size_t words = 3 * x.coded.nonzeros / (2 * x.coded.rows) + cache_line / 2;
    for (std::size_t i = 0; i < rows; ++i) fetch(x.coded.words + x.coded.offsets[x.ids[i]], words);
    return;
  }
  for (std::size_t i = 0; i < rows; ++i) {
    with_row(x, i, [&](const auto& row) {
      fetch(row.values, row.count);
      fetch(row.columns, row.count);
    });
  }
}

template <class T>
Batch<T> gather(Workspace<T>& ws, const Network<T>& network, const Samples<T>& samples,
                std::span<const std::int64_t> order, std::size_t first, std::size_t rows) {
  const auto id = [&](std::size_t i) {
    return order.empty() ? first + i : static_cast<std::size_t>(order[first + i]);
  };
  Batch<T> batch;
  batch.rows = rows;
  batch.is_sparse = samples.x.is_sparse() || samples.x.is_coded();
  if (batch.is_sparse) {
    batch.ascends = samples.x.is_coded() || ws.ascends;
    batch.sparse = {samples.x.sparse, samples.x.coded,
                    order.empty() ? nullptr : order.data() + first, first};
    for (std::size_t i = 0; i < rows; ++i) {
      with_row(batch.sparse, i, [&](const auto& row) { batch.nonzeros += double(row.count); });
    }
    if (first + rows < order.size()) {
      batch.next = batch.sparse;
      batch.next.ids += rows;
      batch.next_rows = std::min(rows, order.size() - first - rows);
    }
  } else if (order.empty()) {
    batch.x = samples.x.dense.row(first);
    batch.x_row = samples.x.dense.stride;
  } else {
    batch.x_row = padded<T>(network.inputs());
    T* x = ws.x.reserve(rows * batch.x_row);
    for (std::size_t i = 0; i < rows; ++i) {
      std::copy_n(samples.x.dense.row(id(i)), network.inputs(), x + i * batch.x_row);
    }
    batch.x = x;
    for (std::size_t i = rows; i < 2 * rows && first + i < order.size(); ++i) {
      fetch(samples.x.dense.row(id(i)), network.inputs());
    }
  }

  batch.weight_sum = static_cast<double>(rows);
  if (!samples.weights.empty()) {
    T* weights = ws.weights.reserve(rows);
    batch.weight_sum = 0;
    for (std::size_t i = 0; i < rows; ++i) {
      weights[i] = samples.weights[id(i)];
      batch.weight_sum += static_cast<double>(weights[i]);
    }
    batch.weights = weights;
  }

  if (samples.y.rows() > 0) {
    const Layer& last = network.layers().back();
    T* y = ws.y.reserve(rows * last.stride);
    for (std::size_t i = 0; i < rows; ++i) {
      T* row = y + i * last.stride;
      if (!samples.y.are_labels()) {
        std::copy_n(samples.y.values.row(id(i)), last.out, row);
      } else if (last.out == 1) {
        const bool signs = last.activation == Activation::tanh;  // its two values are -1 and 1
        row[0] = static_cast<T>(signs ? 2 * samples.y.labels[id(i)] - 1 : samples.y.labels[id(i)]);
      } else {
        std::fill_n(row, last.out, T(0));
        row[samples.y.labels[id(i)]] = T(1);
      }
    }
    batch.y = y;
  }
  return batch;
}

template <class T>
void measure_density(Batch<T>& batch, std::size_t inputs) {
  constexpr std::size_t dense_terms_per_listed = 4;
  constexpr std::size_t sample = 16;  // rows
  if (batch.is_sparse) return;
  std::size_t nonzeros = 0, terms = 0;
  for (std::size_t i = 0; i < batch.rows; i += (batch.rows + sample - 1) / sample) {
    nonzeros += kernels<T>().count_nonzeros(batch.x + i * batch.x_row, inputs);
    terms += inputs;
  }
  batch.mostly_zero = nonzeros * dense_terms_per_listed < terms;
}

template <class T>
void lay_out_columns(Workspace<T>& ws, Batch<T>& batch, std::size_t inputs) {
  // A counting sort, which pays if the columns hold several entries each.
  constexpr double entries_per_column = 4;
  if (!batch.is_sparse || batch.nonzeros < entries_per_column * double(inputs)) return;
  ws.starts.assign(inputs + 2, 0);
  ws.entries.resize(static_cast<std::size_t>(batch.nonzeros));
  // Becomes the ends, and with a 0 before them the starts.
  std::int32_t* next = ws.starts.data() + 1;
  for (std::size_t i = 0; i < batch.rows; ++i) {
    with_row(batch.sparse, i, [&](const auto& row) {
      for (std::size_t p = 0; p < row.count; ++p) ++next[row.column(p) + 1];
    });
  }
  for (std::size_t k = 0; k < inputs; ++k) next[k + 1] += next[k];
  for (std::size_t i = 0; i < batch.rows; ++i) {
    with_row(batch.sparse, i, [&](const auto& row) {
      for (std::size_t p = 0; p < row.count; ++p) {
        ws.entries[static_cast<std::size_t>(next[row.column(p)]++)] = {
            row.value(p), static_cast<std::int32_t>(i)};
      }
    });
  }
  batch.columns = {ws.starts.data(), ws.entries.data(), inputs};
}

bool drops(const Dropout* dropout, std::size_t layer) {
  return dropout && layer < dropout->rates.size() && dropout->rates[layer] > 0;
}

template <class T>
void draw_mask(T* mask, std::size_t stride, std::size_t rows, std::size_t units,
               const Dropout& dropout, std::size_t layer, int threads) {
  const double rate = dropout.rates[layer];
  const Philox random(dropout.seed, Stream::dropout, dropout.epoch,
                      static_cast<std::uint32_t>(layer));
  const auto threshold = static_cast<std::uint32_t>(std::min(rate * 0x1p32, 0x1p32 - 1));
  const T keep = T(1 / (1 - rate));
  const std::size_t blocks = (units + 3) / 4;
  over_rows(threads, rows, double(units) * 8, [&](std::size_t first, std::size_t count) {
    for (std::size_t i = first; i < first + count; ++i) {
      const std::uint64_t row_start = (dropout.batch << 32) + i * blocks;
      for (std::size_t b = 0; b < blocks; ++b) {
        const Random4 r = random(row_start + b);
        for (std::size_t j = 4 * b; j < std::min(units, 4 * b + 4); ++j) {
          mask[i * stride + j] = r[j % 4] < threshold ? T(0) : keep;
        }
      }
    }
  });
}

template <class T>
void drop_inputs(Workspace<T>& ws, Batch<T>& batch, std::size_t inputs, const Dropout& dropout) {
  const std::size_t stride = padded<T>(inputs);
  T* mask = ws.input_mask.reserve(batch.rows * stride);
  draw_mask(mask, stride, batch.rows, inputs, dropout, 0, ws.threads);
  if (!batch.is_sparse) {
    T* x = ws.x.reserve(batch.rows * stride);
    for (std::size_t i = 0; i < batch.rows; ++i) {
      if (batch.x != x) {
        std::copy_n(batch.x + i * batch.x_row, inputs, x + i * stride);
      }
      kernels<T>().multiply(x + i * stride, mask + i * stride, inputs);
    }
    batch.x = x;
    batch.x_row = stride;
    return;
  }
  const auto most = static_cast<std::size_t>(batch.nonzeros);
  T* values = ws.sparse_values.reserve(most);
  std::int32_t* columns = ws.sparse_columns.reserve(most);
  std::int64_t* offsets = ws.sparse_offsets.reserve(batch.rows + 1);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < batch.rows; ++i) {
    offsets[i] = static_cast<std::int64_t>(kept);
    with_row(batch.sparse, i, [&](const auto& row) {
      for (std::size_t p = 0; p < row.count; ++p) {
        const T factor = mask[i * stride + row.column(p)];
        if (factor == T(0)) continue;
        values[kept] = row.value(p) * factor;
        columns[kept++] = static_cast<std::int32_t>(row.column(p));
      }
    });
  }
  offsets[batch.rows] = static_cast<std::int64_t>(kept);
  batch.sparse = {{values, columns, offsets, batch.rows, inputs}, {}, nullptr, 0};
  batch.nonzeros = double(kept);
}

#define NNCORE_INSTANTIATE(T)                                                                     \
  template Batch<T> gather(Workspace<T>&, const Network<T>&, const Samples<T>&,                   \
                           std::span<const std::int64_t>, std::size_t, std::size_t);              \
  template void prefetch_next(const Batch<T>&);                                                   \
  template void measure_density(Batch<T>&, std::size_t);                                          \
  template void lay_out_columns(Workspace<T>&, Batch<T>&, std::size_t);                           \
  template void draw_mask(T*, std::size_t, std::size_t, std::size_t, const Dropout&, std::size_t, \
                          int);                                                                   \
  template void drop_inputs(Workspace<T>&, Batch<T>&, std::size_t, const Dropout&);
NNCORE_INSTANTIATE(float)
NNCORE_INSTANTIATE(double)
#undef NNCORE_INSTANTIATE

}  // namespace nncore
