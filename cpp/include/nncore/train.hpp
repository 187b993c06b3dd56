// Training: one optimiser's state, and epochs of mini-batches.
//
// A loop whose learning rate changes from epoch to epoch, and which anything can end:
//
//   Trainer<float> trainer(network, {.batch_size = 32, .optimizer = Optimizer::adam});
//   const ScheduleOptions halving{Schedule::step, {0.01, 0.5, 10}};  // see schedules.hpp
//   std::vector<std::int64_t> order(samples.rows());
//   while (network.epoch() < 30) {
//     permutation(order, network.seed(), network.epoch());
//     trainer.epoch(samples, order, {.learning_rate = learning_rate(halving, network.epoch()),
//                                    .penalty_rows = samples.rows(),
//                                    .should_stop = [&] { return button.pressed(); }});
//     if (button.pressed() || network.evaluate(validation).accuracy > 0.98) break;
//   }
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "nncore/network.hpp"

#pragma GCC visibility push(default)
namespace nncore {

template <class T>
struct Batch;
struct Dropout;

struct TrainOptions {
  std::size_t batch_size = 10;  // 1 or more; an epoch's last mini-batch may have fewer rows
  Optimizer optimizer = Optimizer::sgd;
  // In the order of hyperparameters(optimizer); those left out at the end have their defaults.
  std::vector<double> hyperparameters = {};
  double l2 = 0;  // see Penalty
  double l1 = 0;
  double max_norm = 0;  // bound of each unit's incoming weights; 0 for none
  // Bounds of the samples' gradient, before the penalty's is added; 0 for none.
  double clip_value = 0;             // of each derivative's absolute value
  double clip_norm = 0;              // of the norm of all of them, after clip_value
  std::vector<double> dropout = {};  // rate for the inputs and each hidden layer; empty for none
};

// Sets the optimiser's hyperparameter of that name, the others keeping their values or defaults.
// Throws InvalidArgument, which lists those there are, for another name. Trainer checks the value.
void set_hyperparameter(TrainOptions& options, std::string_view name, double value);

struct EpochOptions {
  double learning_rate = 0;  // finite, 0 or more
  // The number of the first mini-batch, for an epoch that goes on where another was stopped: a
  // key of dropout.
  std::uint64_t first_batch = 0;
  std::size_t penalty_rows = 0;    // Penalty::rows
  bool cost_with_penalty = false;  // costs a pass over the weights every mini-batch
  int threads = 0;                 // at most so many; 0 for the library's setting
  // Asked after every mini-batch but the last, on the calling thread; true ends the epoch there
  // (Trainer::batches tells where). Plain SGD with l2 on sparse rows, whose decay it puts
  // off, asks after those only whose number, first_batch counted in, 16 divides. It
  // must not use the network, which is busy. What it throws passes through epoch(), the parameters
  // staying as they are.
  std::function<bool()> should_stop = {};
};

// Used by one thread at a time, but for steps() and batches(), which any may ask. Takes memory for
// the optimiser's slots and one gradient, each as large as the parameters, and when it first trains
// for a copy of the parameters and slots and the activations of a mini-batch; later epochs of the
// same batch size take none, unless there is a max_norm.
template <class T>
class Trainer {
 public:
  // Throws InvalidArgument for options out of range, and for a network with an activation that
  // cannot be trained (step). The network must outlive the trainer.
  Trainer(Network<T>& network, TrainOptions options);
  ~Trainer();
  Trainer(Trainer&&) noexcept;

  // Trains on every mini-batch of the samples in the given order of rows (all of them in their
  // own order where it is empty) and returns the mean cost over those rows, each taken before
  // its mini-batch's update. Counts an epoch unless it was stopped.
  // The samples are read where they lie; the order may name any rows, some of them more than once.
  // Throws InvalidArgument if samples, order or options do not fit; BusyError if the network is in
  // use; DivergenceError where a cost or parameter is no longer finite: parameters and state are
  // then those of the epoch's start. See check() in network.hpp for what is trusted.
  double epoch(const Samples<T>& samples, std::span<const std::int64_t> order,
               const EpochOptions& options);
  // One update from all the samples as one mini-batch; returns their mean cost before it. Counts no
  // epoch. Throws as epoch does.
  double step(const Samples<T>& samples, const EpochOptions& options);

  const TrainOptions& options() const noexcept { return options_; }
  // Mini-batches so far: t of the optimisers' equations.
  std::uint64_t steps() const noexcept { return steps_; }
  // Mini-batches that the last epoch() or step() trained on; 0 if it diverged.
  std::uint64_t batches() const noexcept { return batches_; }
  void set_steps(std::uint64_t steps) noexcept { steps_ = steps; }
  // The optimiser's memory (optimizer_slots of them), each laid out as the parameters, its padding
  // zero. The views live as long as the trainer.
  std::vector<std::span<T>> slots() noexcept;
  // Shares ownership of slot i, for views that outlive the trainer. Throws std::out_of_range.
  std::shared_ptr<T> share_slot(std::size_t i) const;

 private:
  // Written by the thread that trains, read by any.
  class Count {
   public:
    Count() = default;
    Count(const Count& other) noexcept : number_(other) {}
    Count& operator=(const Count&) = delete;
    Count& operator=(std::uint64_t number) noexcept {
      number_.store(number, std::memory_order_relaxed);
      return *this;
    }
    Count& operator++() noexcept { return *this = *this + 1; }
    operator std::uint64_t() const noexcept {  // NOLINT(google-explicit-constructor)
      return number_.load(std::memory_order_relaxed);
    }

   private:
    std::atomic<std::uint64_t> number_{0};
  };

  struct State;
  double mini_batch(Batch<T>& batch, const EpochOptions& options, const Dropout* dropout);
  double run(const Samples<T>& samples, std::span<const std::int64_t> order, std::size_t batch_size,
             const EpochOptions& options, bool is_epoch);

  Network<T>& network_;
  TrainOptions options_;
  Count steps_;
  Count batches_;
  std::unique_ptr<State> state_;
};

// The order in which an epoch visits out.size() rows: a Fisher-Yates shuffle of 0, 1, ... keyed by
// (seed, epoch), the same on every machine. Python's fit trains in this order.
void permutation(std::span<std::int64_t> out, std::uint64_t seed, std::uint64_t epoch);

extern template class Trainer<float>;
extern template class Trainer<double>;

}  // namespace nncore
#pragma GCC visibility pop
