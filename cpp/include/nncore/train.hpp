// Training: one optimiser's state, and epochs of mini-batches.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "nncore/network.hpp"

namespace [[gnu::visibility("default")]] nncore {

template <class T>
struct Batch;
struct Dropout;

struct TrainOptions {
  std::size_t batch_size = 10;
  Optimizer optimizer = Optimizer::sgd;
  // In the order of hyperparameters(optimizer); empty for the defaults.
  std::vector<double> hyperparameters = {};
  double l2 = 0;  // see Penalty
  double l1 = 0;
  double max_norm = 0;  // bound of each unit's incoming weights; 0 for none
  // Bounds of the samples' gradient, before the penalty's is added; 0 for none.
  double clip_value = 0;             // of each derivative's absolute value
  double clip_norm = 0;              // of the norm of all of them, after clip_value
  std::vector<double> dropout = {};  // rate for the inputs and each hidden layer; empty for none
};

struct EpochOptions {
  double learning_rate = 0;
  // The number of the first mini-batch, for an epoch that goes on where another was stopped: a
  // key of dropout.
  std::uint64_t first_batch = 0;
  std::size_t penalty_rows = 0;    // Penalty::rows
  bool cost_with_penalty = false;  // costs a pass over the weights every mini-batch
  int threads = 0;                 // at most so many; 0 for the library's setting
  // Asked after every mini-batch; true ends the epoch there.
  std::function<bool()> should_stop = {};
};

template <class T>
class Trainer {
 public:
  // Throws InvalidArgument. The network must outlive the trainer.
  Trainer(Network<T>& network, TrainOptions options);
  ~Trainer();
  Trainer(Trainer&&) noexcept;

  // Trains on every mini-batch of the samples in the given order of rows (all of them in their
  // own order where it is empty) and returns the mean cost over those rows, each taken before
  // its mini-batch's update. Counts an epoch unless it was stopped.
  // Throws InvalidArgument; BusyError; DivergenceError where a cost or parameter is no longer
  // finite: parameters and state are then those of the epoch's start.
  double epoch(const Samples<T>& samples, std::span<const std::int64_t> order,
               const EpochOptions& options);
  // One update from all the samples as one mini-batch; returns their mean cost before it.
  double step(const Samples<T>& samples, const EpochOptions& options);

  const TrainOptions& options() const noexcept { return options_; }
  std::uint64_t steps() const noexcept { return steps_; }
  void set_steps(std::uint64_t steps) noexcept { steps_ = steps; }
  // The optimiser's memory, each laid out as the parameters.
  std::vector<std::span<T>> slots() noexcept;
  // Shares ownership of slot i, for views that outlive the trainer.
  std::shared_ptr<T> share_slot(std::size_t i) const;

 private:
  struct State;
  double mini_batch(Batch<T>& batch, const EpochOptions& options, const Dropout* dropout);
  double run(const Samples<T>& samples, std::span<const std::int64_t> order, std::size_t batch_size,
             const EpochOptions& options, bool is_epoch);

  Network<T>& network_;
  TrainOptions options_;
  std::uint64_t steps_ = 0;
  std::unique_ptr<State> state_;
};

// The order in which an epoch visits n rows: a Fisher-Yates shuffle keyed by (seed, epoch).
void permutation(std::span<std::int64_t> out, std::uint64_t seed, std::uint64_t epoch);

extern template class Trainer<float>;
extern template class Trainer<double>;

}  // namespace nncore
