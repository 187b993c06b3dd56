// Scratch memory, apart from the parameters: every call that computes brings its own, so that
// one network can serve many threads. Grown once, reused for every mini-batch.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernels.hpp"
#include "memory.hpp"
#include "nncore/network.hpp"

namespace nncore {

// A mini-batch as the kernels read it.
template <class T>
struct Batch {
  std::size_t rows = 0;
  bool is_sparse = false;
  const T* x = nullptr;  // (rows, inputs) with stride x_row, where dense
  std::size_t x_row = 0;
  bool mostly_zero = false;  // dense, but few of them are not zero
  SparseRows<T> sparse;
  SparseRows<T> next;  // the rows of the mini-batch to come, where they are known
  std::size_t next_rows = 0;
  bool ascends = false;      // the columns of each sparse row
  double nonzeros = 0;       // of all rows, where sparse
  SparseColumns<T> columns;  // the same rows, where they are worth laying out so
  const T* y = nullptr;      // (rows, outputs) with the output layer's stride; null to predict
  const T* weights = nullptr;
  double weight_sum = 0;  // the number of rows where there are no weights
};

template <class T>
struct Workspace {
  struct LayerBuffers {
    Buffer<T> a;        // (rows, out): the layer's activations
    Buffer<T> z;        // (rows, out): weighted inputs, for those who need them after a
    Buffer<T> delta;    // (rows, out): dC/dz
    Buffer<T> dropped;  // (rows, out): a after dropout
    Buffer<T> mask;     // (rows, out): 0 or 1 / (1 - rate)
  };
  std::vector<LayerBuffers> layers;
  Buffer<T> x, y, weights;
  Buffer<T> input_mask;
  Buffer<T> sums;        // of the sparse first layer, over the later part of each row
  Buffer<T> transposed;  // W[l] as (out, in), for the way back
  Buffer<T> panels;      // matmul's, panel_size for each thread
  std::size_t panel_size = 0;
  std::vector<typename SparseColumns<T>::Entry> entries;  // Batch::columns
  std::vector<std::int32_t> starts;
  Buffer<T> sparse_values;  // Batch::sparse after dropout
  Buffer<std::int32_t> sparse_columns;
  Buffer<std::int64_t> sparse_offsets;
  // The first layer's weights are the parameters times this: weight decay that sparse batches,
  // which do not touch most of them, leave for later.
  double input_scale = 1;
  bool ascends = false;  // the columns of the sparse rows to come, as far as is known
  int threads = 1;
};

}  // namespace nncore
