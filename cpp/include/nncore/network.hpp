// A dense feedforward network: its architecture, its parameters, and what can be asked of it
// without changing it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "nncore/callback.hpp"
#include "nncore/counter.hpp"
#include "nncore/guard.hpp"
#include "nncore/matrix.hpp"
#include "nncore/names.hpp"
#include "nncore/shared.hpp"

#pragma GCC visibility push(default)
namespace nncore {

template <class T>
struct ParameterAccess;

struct Architecture {
  std::vector<std::size_t> sizes;       // units of every layer, the inputs first; two or more
  std::vector<Activation> activations;  // of every layer but the inputs: sizes.size() - 1
  Cost cost = Cost::quadratic;
  // In the order of hyperparameters(cost); those left out at the end have their defaults.
  std::vector<double> cost_hyperparameters = {};
  // Quantiles, or weights of classes; see list_name. Empty for the median, or for weights of 1.
  std::vector<double> cost_list = {};
};

// Throws InvalidArgument where the parts of an architecture do not go together.
void check(const Architecture& architecture);

// Sets the cost's hyperparameter of that name, the others keeping their values or defaults. Throws
// InvalidArgument, which lists those there are, for another name; check() looks at the value.
void set_cost_hyperparameter(Architecture& architecture, std::string_view name, double value);

// How many outputs belong to one target: of pinball as many as there are quantiles, of gaussian 2
// (the means of all targets come first, then the logarithms of their variances), else 1.
std::size_t outputs_per_target(const Architecture& architecture) noexcept;

// Where one layer lies in the parameter block. Weights are stored input-major: the weights from
// input k to all units are contiguous, so that the forward product, the gradient and sparse
// inputs all run along contiguous memory. Rows are padded with zeros to whole cache lines.
struct Layer {
  std::size_t in = 0;
  std::size_t out = 0;
  std::size_t stride = 0;          // elements from the weights of input k to those of input k + 1
  std::size_t weights_offset = 0;  // of the weights, (in, out) with that stride
  std::size_t biases_offset = 0;   // of the biases, (out,)
  Activation activation = Activation::sigmoid;
};

struct Evaluation {
  double cost = 0;  // mean over the samples (weighted), without penalties
  // Fraction of the samples (weighted) that are classified rightly; none unless y are labels and
  // the outputs stand for classes.
  std::optional<double> accuracy;
};

// Weight decay, which leaves biases alone: l2 / (2 n) |w|^2 + l1 / n |w|_1 is added to the mean
// cost, n being `rows`, or those of the mini-batch (their summed weights) where that is 0.
struct Penalty {
  double l2 = 0;
  double l1 = 0;
  std::size_t rows = 0;
};

// A cost of the program's own (Cost::custom), of n rows at once: from the outputs and targets y it
// gives each row's cost and its derivatives with respect to the row's outputs. y are the samples'
// targets, of any number of columns; labels come as one-hot rows, (n, outputs()). All views are
// dense, row i at row(i). Both results must be written whole.
//
// Called on the thread that trains or measures, for some rows at a time, in any number of calls; it
// must not use the network. What it throws passes through the call, which is then undone. The same
// numbers must give the same results for runs to repeat.
template <class T>
using CostFunction = Callback<void(MatrixView<const T> outputs, MatrixView<const T> y,
                                   std::span<T> costs, MatrixView<T> slopes)>;

// Threads: any number may call the const functions at once. Training takes the network for
// itself for as long as a step or an epoch lasts; whoever comes then gets a BusyError. Writing
// through parameters(), weights() or biases() is not guarded: hold a TrainAccess for it where other
// threads use the network.
//
// A dense row's outputs are the same alone and among others, also where weights are not finite: the
// zeros among a layer's inputs then leave out the weights that they meet (but in a layer of one
// unit behind another layer, where they are NaN).
//
// Cost: a row costs two operations a weight; large calls are shared among the library's threads
// (runtime.hpp), with the same bits at any number of them. Each thread keeps its scratch memory for
// the next call: after the first, feedforward, activations and predict take none for no more rows
// of the same network.
template <class T>
class Network {
 public:
  // All parameters zero; see initialize. Throws InvalidArgument, std::bad_alloc.
  explicit Network(Architecture architecture, std::uint64_t seed = 0);
  // Parameters, seed and epoch are copied. Throws BusyError if `other` is being trained. There is
  // no move, nor assignment: trainers, predictors and views refer to a network where it stands. To
  // hand one on, hold it by a std::unique_ptr or std::shared_ptr.
  Network(const Network& other);
  Network& operator=(const Network&) = delete;
  ~Network();

  const Architecture& architecture() const noexcept { return architecture_; }
  std::span<const Layer> layers() const noexcept { return {layers_.data(), layers_.size()}; }
  std::size_t inputs() const noexcept { return architecture_.sizes.front(); }
  std::size_t outputs() const noexcept { return architecture_.sizes.back(); }
  std::uint64_t seed() const noexcept { return seed_; }

  // Epochs trained so far; the key of the next shuffle and of dropout.
  std::uint64_t epoch() const noexcept { return epoch_.relaxed(); }
  void set_epoch(std::uint64_t epoch) noexcept { epoch_.set_relaxed(epoch); }

  // Draws the parameters anew from the seed, one initialiser a layer; default_initializer names
  // one that suits an activation. Throws InvalidArgument for another number of them, BusyError.
  void initialize(std::span<const Initializer> initializers);

  // The whole block, padding included (which must stay zero), 64-byte aligned. It neither moves nor
  // grows as long as the network lives. Where a view that can be written to was taken, each later
  // Trainer::step looks at all parameters for what was written there; of shared ownership, only as
  // long as somebody has a part in it. To read, ask a const network.
  std::span<T> parameters() noexcept {
    lent_.set_relaxed(1);
    return {parameters_.get(), size_};
  }
  std::span<const T> parameters() const noexcept { return {parameters_.get(), size_}; }
  // Shares ownership of the block, for views that outlive the network.
  Shared<T> share_parameters() const noexcept {
    writers_.add(1);
    return parameters_;
  }
  // Weights of layer l as (in, out); element (k, j) leads from input k to unit j. l is below
  // layers().size(), the first layer behind the inputs being 0; it is not checked.
  MatrixView<T> weights(std::size_t l) noexcept;
  MatrixView<const T> weights(std::size_t l) const noexcept;
  std::span<T> biases(std::size_t l) noexcept;
  std::span<const T> biases(std::size_t l) const noexcept;
  // parameters = (1 - tau) parameters + tau other's: all of them at first, and a target network's
  // slow way after the one that learns (Lillicrap et al., 2016). Throws InvalidArgument for another
  // network of other sizes, or a tau that is not from 0 to 1; BusyError.
  void copy_from(const Network& other, double tau = 1);
  // Whether no parameter is NaN or infinite. O(parameters).
  bool all_finite() const noexcept;

  // The cost of a network whose cost is Cost::custom. Model files do not hold it: what loads one
  // hands it in again, before it trains or measures. Throws InvalidArgument where the cost is
  // another, BusyError. Copies of the network have it too.
  void set_cost_function(CostFunction<T> function);
  // Empty where none was set.
  const CostFunction<T>& cost_function() const noexcept { return cost_function_; }

  // The six below throw InvalidArgument if x or the samples do not fit the network (widths,
  // lengths, labels), or if what receives the result has not exactly the size said, which may not
  // overlap x; and BusyError during training. They trust x to be finite and sparse rows to be
  // sound: see check().

  // Activations of the last layer for rows of x, into out (rows, outputs()).
  void feedforward(const Inputs<T>& x, MatrixView<T> out) const;
  // Activations of every layer, one matrix (rows, size) each, the outputs last.
  void activations(const Inputs<T>& x, std::span<const MatrixView<T>> out) const;
  // Class of each row, into labels (rows,): the largest output, or for one sigmoid, tanh or step
  // output whether it passes 0.5 (tanh: 0). InvalidArgument for one output of another kind.
  void predict(const Inputs<T>& x, std::span<std::int64_t> labels) const;
  // With cost_epsilon above 0 the cost is that of EpochOptions::cost_epsilon. InvalidArgument if
  // there are no rows.
  Evaluation evaluate(const Samples<T>& samples, double cost_epsilon = 0) const;

  // Mean cost of the samples, penalty included; gradients (parameters().size() long, laid out
  // as the parameters) receive its derivatives. InvalidArgument also if there are no rows, or a
  // layer whose activation has no derivative (step). cost_epsilon as in evaluate; the derivatives
  // are the same. One thread; takes memory.
  double gradients(const Samples<T>& samples, std::span<T> gradients, const Penalty& penalty = {},
                   double cost_epsilon = 0) const;
  // Derivative of each row's own cost with respect to its inputs, into out (rows, inputs()). As
  // gradients.
  void input_gradients(const Samples<T>& samples, MatrixView<T> out) const;

  // Held while reading or training: readers share, a trainer is alone. Making one throws BusyError;
  // it never waits. The calls above take their own. A Session is held by the thread that trains
  // over many epochs: others may read between these, but not train.
  class ReadAccess;
  class TrainAccess;
  class Session;
  // Throws BusyError during another thread's session.
  void check_no_session_elsewhere() const { guard_.check_no_session_elsewhere(); }

 private:
  template <class U>
  friend struct ParameterAccess;

  Architecture architecture_;
  std::vector<Layer> layers_;
  std::size_t size_ = 0;
  Shared<T> parameters_;
  CostFunction<T> cost_function_;
  std::uint64_t seed_ = 0;
  Counter epoch_;  // may be asked for while the network is being trained
  mutable Guard guard_;
  // See ParameterAccess.
  mutable Counter writers_;
  Counter lent_;
};

template <class T>
class Network<T>::ReadAccess {
 public:
  explicit ReadAccess(const Network& network) : held_(network.guard_) {}
  explicit ReadAccess(const Network&& network) = delete;

 private:
  Guard::Reading held_;
};

template <class T>
class Network<T>::TrainAccess {
 public:
  explicit TrainAccess(Network& network) : held_(network.guard_) { network.writers_.add(1); }

 private:
  Guard::Changing held_;
};

template <class T>
class Network<T>::Session {
 public:
  explicit Session(Network& network) : held_(network.guard_) {}

 private:
  Guard::Session held_;
};

// Throws InvalidArgument unless the samples fit the network: widths, lengths, labels in range,
// sound CSR offsets and columns, finite numbers (the message names the first bad row and column),
// targets legal for the cost. Data from outside want this once; the calls above look at widths,
// lengths and labels only, and trust sparse offsets and columns. O(elements of the samples); takes
// no memory.
// With signed_weights the samples' weights may be negative (StepOptions::mean_over_rows).
template <class T>
[[gnu::visibility("default")]] void check(const Network<T>& network, const Samples<T>& samples,
                                          bool signed_weights = false);
template <class T>
[[gnu::visibility("default")]] void check(const Network<T>& network, const Inputs<T>& x);

extern template class Network<float>;
extern template class Network<double>;

}  // namespace nncore
#pragma GCC visibility pop
