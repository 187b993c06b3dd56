// The core's own way to a network's parameters. What Network hands out is the caller's, who may
// write there at any time; this is for code that holds the network's TrainAccess, or owns it alone.
#pragma once

#include <cstdint>
#include <span>

#include "nncore/network.hpp"

namespace nncore {

template <class T>
struct ParameterAccess {
  static std::span<T> parameters(Network<T>& network) {
    return {network.parameters_.get(), network.size_};
  }
  static MatrixView<T> weights(Network<T>& network, std::size_t l) {
    const Layer& layer = network.layers_[l];
    return {network.parameters_.get() + layer.weights_offset, layer.in, layer.out, layer.stride};
  }
  static std::span<T> biases(Network<T>& network, std::size_t l) {
    const Layer& layer = network.layers_[l];
    return {network.parameters_.get() + layer.biases_offset, layer.out};
  }

  // Another number after every TrainAccess and every share_parameters().
  static std::uint64_t writers(const Network<T>& network) { return network.writers_.load(); }
  // Whether no view is left that a caller could write to.
  static bool is_exclusive(const Network<T>& network) {
    return network.lent_.relaxed() == 0 && network.parameters_.use_count() == 1;
  }
};

}  // namespace nncore
