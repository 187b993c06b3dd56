// The hot path: one mini-batch forward through the network and back.
#pragma once

#include <cstdint>
#include <span>

#include "compute/batch.hpp"
#include "compute/workspace.hpp"
#include "nncore/network.hpp"

namespace nncore {

// Makes the workspace ready for passes of that many rows of inputs that dense, each on up to so
// many threads: buffers large enough, ways to multiply chosen.
template <class T>
void prepare(Workspace<T>& ws, const Network<T>& network, const InputDensity& inputs,
             std::size_t rows, Purpose purpose, int threads);

// a[l] = act(x W[l] + b[l]) for every layer, into ws.layers[l].a.
template <class T>
void forward(Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch, Purpose purpose,
             const Dropout* dropout = nullptr);

// Cost summed over the rows, each times its weight.
template <class T>
double summed_cost(const Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch);
// The same of outputs that are first brought within epsilon of neither 0 nor 1; see EpochOptions.
template <class T>
double clipped_cost(const Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
                    double epsilon);

// delta[l] = dC/dz[l] for every layer, each row's own times its weight; after forward, with the
// same dropout. The gradient of each layer, last first, goes to the sink once its delta has gone
// back. Without a sink the deltas alone.
template <class T>
void backward(Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
              const GradientSink<T>& sink, const Dropout* dropout = nullptr);

// The gradient of each layer, last first, to the sink, once backward without one has made the
// deltas. The same bits.
template <class T>
void add_gradients(Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
                   const GradientSink<T>& sink);

// l2 / 2 |w|^2 + l1 |w|_1 over all weights, l2 and l1 being divided by n already.
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
