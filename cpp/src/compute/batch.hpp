// Making a mini-batch: rows gathered, targets laid out, dropout drawn.
#pragma once

#include <cstdint>
#include <span>

#include "compute/workspace.hpp"
#include "nncore/network.hpp"

namespace nncore {

// Dropout of one mini-batch: a rate for the inputs and each hidden layer, and the key of the random
// numbers.
struct Dropout {
  std::span<const double> rates;
  std::uint64_t seed = 0, epoch = 0, batch = 0;
  std::uint64_t first_row = 0;  // where the rows begin in the mini-batch
};

// Whether the outputs of that layer are dropped out. Layer 0 is the inputs.
bool drops(const Dropout* dropout, std::size_t layer);

// A mini-batch of the samples' rows order[first .. first + rows); without an order, of the rows
// from `first` on. It holds all that a pass of that purpose reads. Rows are gathered unless they
// lie in one piece, inputs are dropped out, sparse rows are laid out by columns if the workspace's
// plan wants that, and labels become one-hot rows. Valid until the workspace makes the next one,
// which is expected to begin `ahead` rows after this one; 0 stands for `rows`. With a distorter the
// rows are what that makes of them.
template <class T>
Batch<T> make_batch(Workspace<T>& ws, const Network<T>& network, const Samples<T>& samples,
                    std::span<const std::int64_t> order, std::size_t first, std::size_t rows,
                    Purpose purpose, const Dropout* dropout = nullptr, std::size_t ahead = 0,
                    const Distorter<T>* distorter = nullptr);

// The weights of those rows together: the number of rows where they have none.
template <class T>
double weight_of_rows(const Samples<T>& samples, std::span<const std::int64_t> order,
                      std::size_t first, std::size_t rows);

// Prefetches the sparse rows of the next mini-batch, which lie anywhere in memory, while this one
// is being worked on. Each thread that will read them calls it.
template <class T>
void prefetch_next(const Batch<T>& batch);

// a (rows, units) of hidden layer `layer`, counted from 1, with units dropped out. It lies in the
// layer's buffers, like the mask.
template <class T>
MatrixView<const T> drop_units(Workspace<T>& ws, const MatrixView<const T>& a,
                               const Dropout& dropout, std::size_t layer);

}  // namespace nncore
