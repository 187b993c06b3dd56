// Scratch memory. It is kept apart from the parameters, so that one network can serve many threads:
// every call brings its own. It grows once, and is reused for every mini-batch.
#pragma once

#include <cstdint>
#include <vector>

#include "compute/products.hpp"
#include "data/distorter.hpp"
#include "kernels/kernels.hpp"
#include "nncore/network.hpp"
#include "threads/memory.hpp"
#include "train/pending_decay.hpp"

namespace nncore {

// What a pass is for decides which buffers it fills.
enum class Purpose { predict, measure, train };

// A mini-batch as the kernels read it, n being its rows.
template <class T>
struct Batch {
  // Sets its members one by one. Compilers would clear all of it by one instruction, whose start
  // takes longer.
  Batch() {}  // NOLINT(modernize-use-equals-default)

  std::size_t rows = 0;
  std::size_t whole = 0;  // rows of the mini-batch that these are a part of; 0 where they are all
  MatrixView<const T> x;  // (n, inputs), where dense
  bool is_sparse = false;
  SparseRows<T> sparse;
  SparseRows<T> next;  // the rows of the mini-batch to come, where they are known
  std::size_t next_rows = 0;
  bool ascends = false;      // the columns of each sparse row
  double nonzeros = 0;       // of all rows, where sparse
  SparseColumns<T> columns;  // the same rows, where the plan wants them by columns
  MatrixView<const T> y;     // (n, targets); null to predict
  const T* weights = nullptr;
  double weight_sum = 0;  // the number of rows where there are no weights
};

template <class T>
struct LayerBuffers {
  MatrixView<const T> x;  // (n, in): what the layer has read; null where that is sparse
  Buffer<T> a;            // (n, out): the layer's activations
  Buffer<T> z;            // (n, out): weighted inputs, for those who need them after a
  Buffer<T> delta;        // (n, out): dC/dz
  Buffer<T> dropped;      // (n, out): a after dropout
  Buffer<T> mask;         // (n, out): 0 or 1 / (1 - rate)
};

template <class T>
struct Workspace {
  Plan<T> plan;
  PendingDecay<T> pending_decay;
  std::vector<LayerBuffers<T>> layers;
  Buffer<T> x, y, weights;
  Buffer<T> input_mask;
  std::vector<DistortionScratch<T>> distortions;  // a thread's each
  Buffer<T> sums;        // of the sparse first layer: (n, out), over the later part of each row
  Buffer<T> transposed;  // W[l] as (out, in), for the way back
  Buffer<T> panels;      // matmul's, panel_size for each thread
  std::size_t panel_size = 0;
  std::vector<typename SparseColumns<T>::Entry> entries;  // Batch::columns
  std::vector<std::int32_t> starts;
  Buffer<T> sparse_values;  // Batch::sparse after dropout
  Buffer<std::int32_t> sparse_columns;
  Buffer<std::int64_t> sparse_offsets;
  Buffer<T> costs;            // of the rows, by a cost of the program's own
  bool ascends = false;       // the columns of the sparse rows to come, as far as is known
  bool given_slopes = false;  // the targets of the batches to come are dC/da in their place
  int threads = 1;
  double* row_costs = nullptr;  // where the costs of single rows go besides; null for nowhere

  // Of one thread each, where the layers above a sparse one are passed by rows; see pass_by_rows.
  // Their rows begin at multiples of rows_of_part, in buffers that are parts of these here.
  std::vector<Workspace> row_parts;
  std::size_t rows_of_part = 0;
  std::vector<double> costs_of_rows;
};

}  // namespace nncore
