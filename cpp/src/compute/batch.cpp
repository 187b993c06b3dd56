#include "compute/batch.hpp"

#include <algorithm>
#include <utility>

#include "data/narrow_rows.hpp"
#include "model/random.hpp"
#include "threads/parallel.hpp"

namespace nncore {
namespace {

template <class E>
void fetch(const E* from, std::size_t count) {
  for (std::size_t p = 0; p < count; p += cache_line / sizeof(E)) __builtin_prefetch(from + p);
}

// Which rows of the samples a mini-batch has.
struct RowIds {
  std::span<const std::int64_t> order;
  std::size_t first;
  std::size_t ahead;  // from here to where the next mini-batch begins

  std::size_t operator[](std::size_t i) const {
    return order.empty() ? first + i : static_cast<std::size_t>(order[first + i]);
  }
  // How many of the next mini-batch's `rows` rows are known.
  std::size_t next(std::size_t rows) const {
    return order.size() > first + ahead ? std::min(rows, order.size() - first - ahead) : 0;
  }
};

// Sparse rows stay where they are.
template <class T>
void find_sparse_rows(Workspace<T>& ws, Batch<T>& batch, const Inputs<T>& x, const RowIds& ids) {
  batch.ascends = x.is_coded() || ws.ascends;
  batch.sparse = {x.sparse, x.coded, ids.order.empty() ? nullptr : ids.order.data() + ids.first,
                  ids.first};
  for (std::size_t i = 0; i < batch.rows; ++i) {
    with_row(batch.sparse, i, [&](const auto& row) { batch.nonzeros += double(row.count); });
  }
  batch.next_rows = ids.next(batch.rows);
  if (batch.next_rows > 0) {
    batch.next = batch.sparse;
    batch.next.ids += ids.ahead;
  }
}

// Dense rows are copied, unless they lie in one piece already.
template <class T>
void gather_dense_rows(Workspace<T>& ws, Batch<T>& batch, const MatrixView<const T>& x,
                       const RowIds& ids) {
  const std::size_t rows = batch.rows;
  if (ids.order.empty()) {
    batch.x = {x.row(ids.first), rows, x.cols, x.stride};
    return;
  }
  const std::size_t stride = padded<T>(x.cols);
  T* gathered = ws.x.reserve(rows * stride);
  for (std::size_t i = 0; i < rows; ++i) {
    std::copy_n(x.row(ids[i]), x.cols, gathered + i * stride);
  }
  batch.x = {gathered, rows, x.cols, stride};
  const std::size_t next_rows = ids.next(rows);
  for (std::size_t i = 0; i < next_rows; ++i) fetch(x.row(ids[ids.ahead + i]), x.cols);
}

// Narrow rows become numbers here.
template <class T>
void widen_narrow_rows(Workspace<T>& ws, Batch<T>& batch, const NarrowRows& x, const RowIds& ids) {
  const std::size_t stride = padded<T>(x.cols);
  T* widened = ws.x.reserve(batch.rows * stride);
  for (std::size_t i = 0; i < batch.rows; ++i) widen_row(x, ids[i], widened + i * stride);
  batch.x = {widened, batch.rows, x.cols, stride};
  const std::size_t bytes = x.type == NarrowType::uint8 ? 1 : 2;
  const std::size_t next_rows = ids.next(batch.rows);
  for (std::size_t i = 0; i < next_rows; ++i) {
    const auto* next = static_cast<const char*>(x.data) + ids[ids.ahead + i] * x.stride * bytes;
    fetch(next, x.cols * bytes);
  }
}

// Images become others here; the rows are shared among the threads.
template <class T>
void distort_rows(Workspace<T>& ws, Batch<T>& batch, const Distorter<T>& distort, const RowIds& ids,
                  std::size_t inputs) {
  const std::size_t stride = padded<T>(inputs);
  T* distorted = ws.x.reserve(batch.rows * stride);
  const int threads = threads_for(distort.work_per_row() * double(batch.rows), ws.threads);
  if (ws.distortions.size() < std::size_t(threads)) ws.distortions.resize(std::size_t(threads));
  parallel_for(batch.rows, 1, threads, [&](int part, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      distort(ids[i], distorted + i * stride, ws.distortions[std::size_t(part)]);
    }
  });
  batch.x = {distorted, batch.rows, inputs, stride};
}

template <class T>
double weight_of(std::span<const T> weights, const RowIds& ids, std::size_t rows) {
  if (weights.empty()) return static_cast<double>(rows);
  double sum = 0;
  for (std::size_t i = 0; i < rows; ++i) sum += static_cast<double>(weights[ids[i]]);
  return sum;
}

template <class T>
void gather_weights(Workspace<T>& ws, Batch<T>& batch, std::span<const T> weights,
                    const RowIds& ids) {
  batch.weight_sum = weight_of<T>(weights, ids, batch.rows);
  if (weights.empty()) return;
  T* gathered = ws.weights.reserve(batch.rows);
  for (std::size_t i = 0; i < batch.rows; ++i) gathered[i] = weights[ids[i]];
  batch.weights = gathered;
}

// Takes a part of each target and shares it out among the classes: all outputs of softmax, else the
// two that an output tells.
template <class T>
void smooth(T* y, std::size_t n, const Architecture& architecture) {
  const double taken = architecture.cost_hyperparameters[0];
  const double classes = architecture.cost == Cost::log_likelihood ? double(n) : 2;
  const T keep = T(1 - taken), share = T(taken / classes);
  for (std::size_t j = 0; j < n; ++j) y[j] = keep * y[j] + share;
}

bool smooths(const Architecture& a) {
  return (a.cost == Cost::cross_entropy || a.cost == Cost::log_likelihood) &&
         a.cost_hyperparameters[0] > 0;
}

template <class T>
void gather_targets(Workspace<T>& ws, Batch<T>& batch, const Targets<T>& targets,
                    const Network<T>& network, const RowIds& ids) {
  const Layer& last = network.layers().back();
  const std::size_t columns = targets.are_labels() ? last.out : targets.values.cols;
  const std::size_t stride = std::max(last.stride, padded<T>(columns));
  const bool smoothed = !ws.given_slopes && smooths(network.architecture());
  T* y = ws.y.reserve(batch.rows * stride);  // (n, targets)
  batch.y = {y, batch.rows, columns, stride};
  for (std::size_t i = 0; i < batch.rows; ++i) {
    T* row = y + i * stride;
    if (!targets.are_labels()) {
      std::copy_n(targets.values.row(ids[i]), columns, row);
      if (smoothed) smooth(row, columns, network.architecture());
      continue;
    }
    const std::int64_t label = targets.labels[ids[i]];
    if (last.out == 1) {
      const bool signs = last.activation == Activation::tanh;  // its two values are -1 and 1
      row[0] = static_cast<T>(signs ? 2 * label - 1 : label);
    } else {
      std::fill_n(row, last.out, T(0));
      row[label] = T(1);
    }
    if (smoothed) smooth(row, columns, network.architecture());
  }
}

// A counting sort of the entries of rows, into columns [begin, end) of which `before` entries come
// before them; each_row(f) calls f(i, row). `next` begins with zeros, and becomes the columns'
// ends.
template <class T, class EachRow>
void sort_into_columns(Workspace<T>& ws, EachRow each_row, std::int32_t before, std::size_t begin,
                       std::size_t end) {
  std::int32_t* next = ws.starts.data() + 1;
  each_row([&](std::size_t, const auto& row) {
    for (std::size_t p = 0; p < row.count; ++p) ++next[row.column(p)];
  });
  for (std::size_t k = begin; k < end; ++k) before += std::exchange(next[k], before);
  each_row([&](std::size_t i, const auto& row) {
    for (std::size_t p = 0; p < row.count; ++p) {
      ws.entries[static_cast<std::size_t>(next[row.column(p)]++)] = {row.value(p),
                                                                     static_cast<std::int32_t>(i)};
    }
  });
}

// Lays the sparse rows of a batch out by columns, too (compressed sparse columns); two threads take
// one part of each row.
template <class T>
void build_columns(Workspace<T>& ws, Batch<T>& batch, std::size_t inputs) {
  constexpr double work_per_entry = 16;  // in multiply-adds
  ws.starts.assign(inputs + 1, 0);
  ws.entries.resize(static_cast<std::size_t>(batch.nonzeros));
  batch.columns = {ws.starts.data(), ws.entries.data(), inputs};
  if (!batch.ascends || threads_for(work_per_entry * batch.nonzeros, ws.threads) == 1) {
    const auto each_row = [&](auto f) {
      for (std::size_t i = 0; i < batch.rows; ++i) {
        with_row(batch.sparse, i, [&](const auto& row) { f(i, row); });
      }
    };
    return sort_into_columns(ws, each_row, 0, 0, inputs);
  }
  parallel_for(2, 1, 2, [&](int, std::size_t part, std::size_t end) {
    for (; part < end; ++part) {
      const auto each_row = [&](auto f) {
        for (std::size_t i = 0; i < batch.rows; ++i) {
          with_part(batch.sparse, i, part == 0 ? Part::lower : Part::upper,
                    [&](const auto& row) { f(i, row); });
        }
      };
      std::size_t lower_entries = 0, lower_columns = 0;
      for (std::size_t i = 0; i < batch.rows; ++i) {
        with_part(batch.sparse, i, Part::lower, [&](const auto& row) {
          lower_entries += row.count;
          if (row.count > 0) lower_columns = std::max(lower_columns, row.column(row.count - 1) + 1);
        });
      }
      if (part == 0) {
        sort_into_columns(ws, each_row, 0, 0, lower_columns);
      } else {
        sort_into_columns(ws, each_row, static_cast<std::int32_t>(lower_entries), lower_columns,
                          inputs);
      }
    }
  });
}

// mask (rows, units) = 0 with the layer's rate, else 1 / (1 - rate): inverted dropout (Srivastava
// et al., 2014). Unit j of row i has its own random number, whoever draws it.
template <class T>
void draw_mask(T* mask, std::size_t stride, std::size_t rows, std::size_t units,
               const Dropout& dropout, std::size_t layer, int threads) {
  const double rate = dropout.rates[layer];
  const Philox random(dropout.seed, Stream::dropout, dropout.epoch,
                      static_cast<std::uint32_t>(layer));
  const auto threshold = static_cast<std::uint32_t>(std::min(rate * 0x1p32, 0x1p32 - 1));
  const T keep = T(1 / (1 - rate));
  const std::size_t blocks = (units + 3) / 4;
  for_each_row_block(threads, rows, double(units) * 8, [&](std::size_t first, std::size_t count) {
    for (std::size_t i = first; i < first + count; ++i) {
      const std::uint64_t row_start = (dropout.batch << 32) + (dropout.first_row + i) * blocks;
      for (std::size_t b = 0; b < blocks; ++b) {
        const Random4 r = random(row_start + b);
        for (std::size_t j = 4 * b; j < std::min(units, 4 * b + 4); ++j) {
          mask[i * stride + j] = r[j % 4] < threshold ? T(0) : keep;
        }
      }
    }
  });
}

// Replaces the rows of the batch by rows with inputs dropped out.
template <class T>
void drop_inputs(Workspace<T>& ws, Batch<T>& batch, std::size_t inputs, const Dropout& dropout) {
  const std::size_t stride = padded<T>(inputs);
  T* mask = ws.input_mask.reserve(batch.rows * stride);
  draw_mask(mask, stride, batch.rows, inputs, dropout, 0, ws.threads);
  if (!batch.is_sparse) {
    T* x = ws.x.reserve(batch.rows * stride);
    for (std::size_t i = 0; i < batch.rows; ++i) {
      if (batch.x.data != x) std::copy_n(batch.x.row(i), inputs, x + i * stride);
      kernels<T>().multiply(x + i * stride, mask + i * stride, inputs);
    }
    batch.x = {x, batch.rows, inputs, stride};
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

bool drops(const Dropout* dropout, std::size_t layer) {
  return dropout && layer < dropout->rates.size() && dropout->rates[layer] > 0;
}

template <class T>
MatrixView<const T> drop_units(Workspace<T>& ws, const MatrixView<const T>& a,
                               const Dropout& dropout, std::size_t layer) {
  LayerBuffers<T>& buffers = ws.layers[layer - 1];
  const std::size_t size = a.rows * a.stride;
  T* mask = buffers.mask.reserve(size);
  T* dropped = buffers.dropped.reserve(size);
  draw_mask(mask, a.stride, a.rows, a.cols, dropout, layer, ws.threads);
  std::copy_n(a.data, size, dropped);
  kernels<T>().multiply(dropped, mask, size);
  return {dropped, a.rows, a.cols, a.stride};
}

template <class T>
Batch<T> make_batch(Workspace<T>& ws, const Network<T>& network, const Samples<T>& samples,
                    std::span<const std::int64_t> order, std::size_t first, std::size_t rows,
                    Purpose purpose, const Dropout* dropout, std::size_t ahead,
                    const Distorter<T>* distorter) {
  const RowIds ids{order, first, ahead > 0 ? ahead : rows};
  const std::size_t inputs = network.inputs();
  Batch<T> batch;
  batch.rows = rows;
  batch.is_sparse = samples.x.is_sparse() || samples.x.is_coded();
  if (distorter) {
    distort_rows(ws, batch, *distorter, ids, inputs);
  } else if (batch.is_sparse) {
    find_sparse_rows(ws, batch, samples.x, ids);
  } else if (samples.x.is_narrow()) {
    widen_narrow_rows(ws, batch, samples.x.narrow, ids);
  } else {
    gather_dense_rows(ws, batch, samples.x.dense, ids);
  }
  if (drops(dropout, 0)) drop_inputs(ws, batch, inputs, *dropout);
  if (purpose == Purpose::train && batch.is_sparse && ws.plan.wants_columns(batch.nonzeros)) {
    build_columns(ws, batch, inputs);
  }
  gather_weights(ws, batch, samples.weights, ids);
  if (samples.y.rows() > 0) gather_targets(ws, batch, samples.y, network, ids);
  return batch;
}

template <class T>
double weight_of_rows(const Samples<T>& samples, std::span<const std::int64_t> order,
                      std::size_t first, std::size_t rows) {
  return weight_of<T>(samples.weights, {order, first, rows}, rows);
}

#define NNCORE_INSTANTIATE(T)                                                                    \
  template Batch<T> make_batch(Workspace<T>&, const Network<T>&, const Samples<T>&,              \
                               std::span<const std::int64_t>, std::size_t, std::size_t, Purpose, \
                               const Dropout*, std::size_t, const Distorter<T>*);                \
  template double weight_of_rows(const Samples<T>&, std::span<const std::int64_t>, std::size_t,  \
                                 std::size_t);                                                   \
  template void prefetch_next(const Batch<T>&);                                                  \
  template MatrixView<const T> drop_units(Workspace<T>&, const MatrixView<const T>&,             \
                                          const Dropout&, std::size_t);
NNCORE_INSTANTIATE(float)
NNCORE_INSTANTIATE(double)
#undef NNCORE_INSTANTIATE

}  // namespace nncore
