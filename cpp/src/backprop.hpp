// The hot path: one mini-batch forward through the network and back.
#pragma once

#include <cstdint>
#include <span>

#include "batch.hpp"
#include "nncore/network.hpp"
#include "workspace.hpp"

namespace nncore {

// What a pass is for decides which buffers it fills.
enum class Purpose { predict, measure, train };

// Makes the workspace large enough for passes of that many rows, each on up to so many threads.
template <class T>
void prepare(Workspace<T>& ws, const Network<T>& network, std::size_t rows, Purpose purpose,
             int threads);

// a[l+1] = act(a[l] W[l]^T + b[l]) for every layer, into ws.layers[l].a.
template <class T>
void forward(Workspace<T>& ws, const Network<T>& network, Batch<T>& batch, Purpose purpose,
             const Dropout* dropout = nullptr);

// Cost summed over the rows, each times its weight.
template <class T>
double summed_cost(const Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch);

// Where a gradient goes: data = decay * data + scale * gradient, laid out as the parameters, which
// it may be. Biases do not decay. With overwrite, data = scale * gradient.
template <class T>
struct Destination {
  T* data = nullptr;
  T scale = 1;
  double decay = 1;
  bool overwrite = false;
};

// delta[l] = dC/dz[l] for every layer, each row's own times its weight; after forward, with the
// same dropout. The gradient of each layer, last first, goes to the destination once its delta has
// gone back. Without a destination the deltas alone.
// Decay of a sparse batch's first layer is owed, in ws.input_scale, until it is settled.
template <class T>
void backward(Workspace<T>& ws, const Network<T>& network, const Batch<T>& batch,
              const Destination<T>& destination, const Dropout* dropout = nullptr);

// Multiplies the first layer's weights by the decay they owe.
template <class T>
void settle(Workspace<T>& ws, Network<T>& network);

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
