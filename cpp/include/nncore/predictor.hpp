// Prediction for callers that cannot wait.
#pragma once

#include <cstdint>
#include <span>

#include "nncore/matrix.hpp"
#include "nncore/network.hpp"
#include "nncore/shared.hpp"

#pragma GCC visibility push(default)
namespace nncore {

template <class T>
struct Workspace;

// A network's outputs on the calling thread alone, without an allocation once it is made, and
// without a lock: real-time programs call it from their loop. Where they throw (see below), an
// exception is allocated. The same bits as the network's own functions. Calls with one row take at
// most 8 kB of stack, larger ones 48.
//
// Threads: one at a time for each predictor; any number of predictors may share a network.
template <class T>
class Predictor {
 public:
  // Room for calls of up to max_rows rows, all of which go through the network together. The
  // network must outlive the predictor.
  explicit Predictor(const Network<T>& network, std::size_t max_rows = 1);
  explicit Predictor(const Network<T>&& network, std::size_t max_rows = 1) = delete;
  ~Predictor();
  // What was moved from may only be destroyed or assigned to.
  Predictor(Predictor&&) noexcept;
  Predictor& operator=(Predictor&&) noexcept;

  // Activations of the last layer, (rows, outputs). Throws InvalidArgument for a wrong width or
  // too many rows, BusyError while the network is being trained. That `out` and `labels` are as
  // large as said is not checked.
  void feedforward(const Inputs<T>& x, MatrixView<T> out);
  // Class of each row, as Network::predict.
  void predict(const Inputs<T>& x, std::span<std::int64_t> labels);

 private:
  void run(const Inputs<T>& x);

  const Network<T>* network_;
  std::size_t max_rows_;
  Shared<Workspace<T>> workspace_;
};

extern template class Predictor<float>;
extern template class Predictor<double>;

}  // namespace nncore
#pragma GCC visibility pop
