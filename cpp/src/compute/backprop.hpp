// The hot path: one mini-batch forward through the network and back.
#pragma once

#include <cstdint>
#include <span>

#include "compute/batch.hpp"
#include "compute/workspace.hpp"
#include "nncore/network.hpp"

namespace nncore {

// Prepares the workspace for passes of that many rows on at most that many threads: makes its
// buffers large enough, and chooses the ways to multiply for inputs of that density.
template <class T>
void prepare(Workspace<T>& ws, const Network<T>& network, const InputDensity& inputs,
             std::size_t rows, Purpose purpose, int threads);

// a[l] = act(x W[l] + b[l]) for every layer, into ws.layers[l].a.
template <class T>
void forward(Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch, Purpose purpose,
             const Dropout* dropout = nullptr);

// Cost summed over the rows, each times its weight. Where the cost is the program's own, its slopes
// are left in the last layer's delta, for backward. Throws InvalidArgument if that was not handed
// in.
template <class T>
double summed_cost(Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch);
// The same, of outputs that are first clipped to [epsilon, 1 - epsilon]; see EpochOptions.
template <class T>
double clipped_cost(const Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
                    double epsilon);

// What training counts: 0 where the slopes are given, else clipped_cost if epsilon is above 0, else
// summed_cost.
template <class T>
double batch_cost(Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
                  double epsilon);

// delta[l] = dC/dz[l] for every layer, each row times its weight. Comes after forward, with the
// same dropout. The gradient of each layer goes to the sink as soon as its delta has gone back,
// the last layer's first. Without a sink only the deltas are computed.
template <class T>
void backward(Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
              const GradientSink<T>& sink, const Dropout* dropout = nullptr);

// Adds the gradient of each layer to the sink, after backward without a sink has made the deltas.
// The bits are those of backward with that sink.
template <class T>
void add_gradients(Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
                   const GradientSink<T>& sink);

// Whether pass_by_rows is faster: on several threads, where few weights lie above a sparse layer.
template <class T>
bool passes_by_rows(const Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
                    const Dropout* dropout);

// forward, batch_cost and backward without a sink, whose bits it has. Threads share the first
// layer's product, and then all that lies above by rows: they meet twice, not after each product.
template <class T>
double pass_by_rows(Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
                    double epsilon);

// l2 / 2 |w|^2 + l1 |w|_1 over all weights. The caller has divided l2 and l1 by n.
template <class T>
double penalty_cost(const Network<T>& network, double l2, double l1);

// Throws InvalidArgument for a network with units that no gradient passes through.
template <class T>
void check_trainable(const Network<T>& network);

// out (rows, inputs) = delta[0] W[0]: the derivative with respect to the inputs.
template <class T>
void input_delta(Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
                 MatrixView<T> out);

}  // namespace nncore
