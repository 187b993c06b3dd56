// A mini-batch on its way into the network: rows gathered, targets laid out, dropout drawn.
#pragma once

#include <cstdint>
#include <span>

#include "nncore/network.hpp"
#include "workspace.hpp"

namespace nncore {

// The rows order[first .. first + rows) of the samples (first .. without an order), gathered
// where they do not lie in one piece already. Labels become one-hot rows.
template <class T>
Batch<T> gather(Workspace<T>& ws, const Network<T>& network, const Samples<T>& samples,
                std::span<const std::int64_t> order, std::size_t first, std::size_t rows);

// Asks for the sparse rows of the next mini-batch, which lie anywhere in memory, while this one is
// being worked on; for each thread that will read them to call.
template <class T>
void prefetch_next(const Batch<T>& batch);

// Finds out whether the dense rows of a batch are mostly zero.
template <class T>
void measure_density(Batch<T>& batch, std::size_t inputs);

// Lays the sparse rows of a batch out by columns, too, where that makes its products faster.
template <class T>
void lay_out_columns(Workspace<T>& ws, Batch<T>& batch, std::size_t inputs);

// Dropout of one mini-batch: a rate for the inputs and each hidden layer, and what the random
// numbers are keyed by.
struct Dropout {
  std::span<const double> rates;
  std::uint64_t seed = 0, epoch = 0, batch = 0;
};

// Whether the outputs of that layer are dropped out, layer 0 being the inputs.
bool drops(const Dropout* dropout, std::size_t layer);

// mask (rows, units) = 0 with the layer's rate, else 1 / (1 - rate): inverted dropout (Srivastava
// et al., 2014). Unit j of row i has its own random number, whoever draws it.
template <class T>
void draw_mask(T* mask, std::size_t stride, std::size_t rows, std::size_t units,
               const Dropout& dropout, std::size_t layer, int threads);

// Replaces the rows of the batch by rows with inputs dropped out.
template <class T>
void drop_inputs(Workspace<T>& ws, Batch<T>& batch, std::size_t inputs, const Dropout& dropout);

}  // namespace nncore
