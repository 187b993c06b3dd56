// A dense feedforward network: its architecture, its parameters, and what can be asked of it
// without changing it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "nncore/matrix.hpp"
#include "nncore/names.hpp"

namespace [[gnu::visibility("default")]] nncore {

struct Architecture {
  std::vector<std::size_t> sizes;       // units of every layer, the inputs first; two or more
  std::vector<Activation> activations;  // of every layer but the inputs: sizes.size() - 1
  Cost cost = Cost::quadratic;
};

// Throws InvalidArgument where the parts of an architecture do not go together.
void check(const Architecture& architecture);

// Where one layer lies in the parameter block. Weights are stored input-major: the weights from
// input k to all units are contiguous, so that the forward product, the gradient and sparse
// inputs all run along contiguous memory. Rows are padded with zeros to whole cache lines.
struct Layer {
  std::size_t in = 0;
  std::size_t out = 0;
  std::size_t stride = 0;   // elements from the weights of input k to those of input k + 1
  std::size_t weights = 0;  // offset of the weights, (in, out) with that stride
  std::size_t biases = 0;   // offset of the biases, (out,)
  Activation activation = Activation::sigmoid;
};

struct Evaluation {
  double cost = 0;                 // mean over the samples (weighted), without penalties
  std::optional<double> accuracy;  // for labels, fraction of the samples (weighted)
};

// Weight decay, which leaves biases alone: l2 / (2 n) |w|^2 + l1 / n |w|_1 is added to the mean
// cost, n being `rows`, or those of the mini-batch (their summed weights) where that is 0.
struct Penalty {
  double l2 = 0;
  double l1 = 0;
  std::size_t rows = 0;
};

// Threads: any number may call the const functions at once. Training takes the network for
// itself for as long as a step or an epoch lasts; whoever comes then gets a BusyError.
template <class T>
class Network {
 public:
  // All parameters zero; see initialize. Throws InvalidArgument.
  explicit Network(Architecture architecture, std::uint64_t seed = 0);
  Network(const Network& other);
  Network& operator=(const Network&) = delete;
  ~Network();

  const Architecture& architecture() const noexcept { return architecture_; }
  std::span<const Layer> layers() const noexcept { return layers_; }
  std::size_t inputs() const noexcept { return architecture_.sizes.front(); }
  std::size_t outputs() const noexcept { return architecture_.sizes.back(); }
  std::uint64_t seed() const noexcept { return seed_; }

  // Epochs trained so far; the key of the next shuffle and of dropout.
  std::uint64_t epoch() const noexcept { return epoch_.load(std::memory_order_relaxed); }
  void set_epoch(std::uint64_t epoch) noexcept { epoch_.store(epoch, std::memory_order_relaxed); }

  // Draws the parameters anew from the seed, one initialiser a layer.
  void initialize(std::span<const Initializer> initializers);

  // The whole block, padding included (which stays zero), 64-byte aligned.
  std::span<T> parameters() noexcept { return {parameters_.get(), size_}; }
  std::span<const T> parameters() const noexcept { return {parameters_.get(), size_}; }
  // Shares ownership of the block, for views that outlive the network.
  std::shared_ptr<T> share_parameters() const noexcept { return parameters_; }
  // Weights of layer l as (in, out); element (k, j) leads from input k to unit j.
  MatrixView<T> weights(std::size_t l) noexcept;
  MatrixView<const T> weights(std::size_t l) const noexcept;
  std::span<T> biases(std::size_t l) noexcept;
  std::span<const T> biases(std::size_t l) const noexcept;
  bool all_finite() const noexcept;

  // Activations of the last layer for rows of x, into out (rows, outputs()).
  void feedforward(const Inputs<T>& x, MatrixView<T> out) const;
  // Activations of every layer, one matrix (rows, size) each, the outputs last.
  void activations(const Inputs<T>& x, std::span<const MatrixView<T>> out) const;
  // Class of each row: the largest output, or for one output whether it passes its threshold.
  void predict(const Inputs<T>& x, std::span<std::int64_t> labels) const;
  Evaluation evaluate(const Samples<T>& samples) const;

  // Mean cost of the samples, penalty included; gradients (parameters().size() long, laid out
  // as the parameters) receive its derivatives.
  double gradients(const Samples<T>& samples, std::span<T> gradients,
                   const Penalty& penalty = {}) const;
  // Derivative of each row's own cost with respect to its inputs, into out (rows, inputs()).
  void input_gradients(const Samples<T>& samples, MatrixView<T> out) const;

  // Held while reading or training: readers share, a trainer is alone. Throws BusyError.
  class ReadAccess;
  class TrainAccess;

 private:
  Architecture architecture_;
  std::vector<Layer> layers_;
  std::size_t size_ = 0;
  std::shared_ptr<T> parameters_;
  std::uint64_t seed_ = 0;
  std::atomic<std::uint64_t> epoch_{0};  // may be asked for while the network is being trained
  mutable std::atomic<int> users_{0};    // readers, or -1 for a trainer
};

template <class T>
class Network<T>::ReadAccess {
 public:
  explicit ReadAccess(const Network& network);
  ~ReadAccess();
  ReadAccess(const ReadAccess&) = delete;
  ReadAccess& operator=(const ReadAccess&) = delete;

 private:
  const Network& network_;
};

template <class T>
class Network<T>::TrainAccess {
 public:
  explicit TrainAccess(Network& network);
  ~TrainAccess();
  TrainAccess(const TrainAccess&) = delete;
  TrainAccess& operator=(const TrainAccess&) = delete;

 private:
  Network& network_;
};

// Throws InvalidArgument unless the samples fit the network: widths, lengths, labels in range,
// sound CSR offsets and columns, finite numbers (the message names the first bad row and column),
// targets legal for the cost. Data from outside want this once; the calls above look at widths,
// lengths and labels only, and trust sparse offsets and columns.
template <class T>
[[gnu::visibility("default")]] void check(const Network<T>& network, const Samples<T>& samples);
template <class T>
[[gnu::visibility("default")]] void check(const Network<T>& network, const Inputs<T>& x);

extern template class Network<float>;
extern template class Network<double>;

}  // namespace nncore
