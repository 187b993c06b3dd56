// Training: an optimiser's memory, epochs of mini-batches, and the place in an epoch.
//
// A loop whose learning rate changes from epoch to epoch, and which anything can end:
//
//   const Dataset<float> data(network, samples);  // checked once
//   Trainer<float> trainer(network, {.batch_size = 32, .optimizer = Optimizer::adam});
//   const ScheduleOptions halving{Schedule::step, {0.01, 0.5, 10}};  // see schedules.hpp
//   while (network.epoch() < 30) {
//     trainer.epoch(data, {.learning_rate = learning_rate(halving, network.epoch()),
//                          .should_stop = [&] { return button.pressed(); }});
//     if (button.pressed() || network.evaluate(validation).accuracy > 0.98) break;
//   }
//
// An epoch that was stopped is gone on with by the next call of epoch(), with the same bits as if
// it had not been; also from a file (checkpoint.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "nncore/augmentation.hpp"
#include "nncore/callback.hpp"
#include "nncore/collective.hpp"
#include "nncore/counter.hpp"
#include "nncore/dataset.hpp"
#include "nncore/network.hpp"
#include "nncore/shared.hpp"

#pragma GCC visibility push(default)
namespace nncore {

template <class T>
struct Batch;
template <class T>
struct MiniBatchRows;
struct Dropout;
template <class T>
class Distorter;
struct DistortionKey;
template <class T>
class Trainer;
class TensorFile;
template <class T>
[[gnu::visibility("default")]] void resume(Trainer<T>& trainer, const TensorFile& file);

inline constexpr std::size_t max_lanes = std::size_t{1} << 20;

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
  // Factors of the learning rate: for each layer in turn that of its weights and that of its
  // biases. What has 0 stays as it is, whatever the penalties. Empty for 1.
  std::vector<double> rates = {};
  // Into how many lanes each mini-batch is cut, that has as many rows: each makes a gradient of its
  // own, and they are added along a fixed tree, by threads and by ranks (collective.hpp). The bits
  // depend on this number, and not on those. 0: the library cuts some mini-batches, by shapes
  // alone. At most max_lanes.
  std::size_t lanes = 0;
  // How the rows are distorted, which are images then, dense and not sparse: anew in each epoch.
  // Rows are never distorted to be measured. The same row of one mini-batch is the same twice.
  // step_gradient leaves them as they are.
  Augmentation augmentation = {};
};

// The options that are one number, 0 or more, where 0 stands for none. Python and C set by name
// what is listed here, and Trainer checks it.
struct NumberOption {
  std::string_view name;
  double TrainOptions::* member = nullptr;
};
inline constexpr NumberOption number_options[] = {
    {"l2", &TrainOptions::l2},
    {"l1", &TrainOptions::l1},
    {"max_norm", &TrainOptions::max_norm},
    {"clip_value", &TrainOptions::clip_value},
    {"clip_norm", &TrainOptions::clip_norm},
};
// Those of an augmentation are called "augmentation.rotation" and so on.
inline constexpr std::string_view augmentation_prefix = "augmentation.";
// False if there is none of that name. Throws InvalidArgument for what can be no number of an
// augmentation.
bool set_number(TrainOptions& options, std::string_view name, double value);

// Sets the optimiser's hyperparameter of that name, the others keeping their values or defaults.
// Throws InvalidArgument, which lists those there are, for another name. Trainer checks the value.
void set_hyperparameter(TrainOptions& options, std::string_view name, double value);

// What a mini-batch cost before its update.
struct MiniBatchCost {
  std::uint64_t number = 0;  // of the mini-batch in its epoch, counted from 0
  double cost = 0;           // summed over its rows, each times its weight, without penalties
  double weight = 0;         // of all its rows together: their number where there are no weights
  double penalty = 0;        // what is added to the mean cost; 0 unless cost_with_penalty
};

// Which rows of an epoch a data set holds that is only a part of them.
struct EpochPart {
  std::size_t rows_before = 0;  // a multiple of the batch size
  std::size_t epoch_rows = 0;   // of all parts
  std::uint64_t order = 0;      // tells orders of the epoch's rows from each other; 2 or more
};

struct EpochOptions {
  double learning_rate = 0;  // finite, 0 or more
  // Whether the rows come in a new order, drawn from the network's seed and epoch (permutation());
  // else they come as they lie.
  bool shuffle = true;
  // The rows to train on, in this order, in place of both; some of them more than once, or not at
  // all. At least one. Read during the call only.
  std::optional<std::span<const std::int64_t>> order = {};
  // Where the data set is only a part of the epoch's rows: parts come one after the other, each but
  // the last one whole mini-batches. Behind each of them the epoch stands where position() says;
  // the last one completes it. A part that was trained on already is passed over. `order`, or the
  // shuffle, is that of the part's own rows.
  std::optional<EpochPart> part = {};
  // n of the penalties: 0 for the epoch's rows, as the book has it.
  std::size_t penalty_rows = 0;
  // In place of that, each mini-batch's own rows (their summed weights), as scikit-learn has it.
  bool penalty_by_mini_batch = false;
  bool cost_with_penalty = false;  // costs a pass over the weights every mini-batch
  // What cross_entropy and log_likelihood cost with the outputs clipped to [epsilon, 1 - epsilon],
  // as scikit-learn tells its loss; 0 tells it as it is. The gradients are the same.
  double cost_epsilon = 0;
  int threads = 0;  // at most so many; 0 for the library's setting
  // What several ranks train with together; null for one. The learning rate is rank 0's, and all
  // stop where any of them asks for it: behind the mini-batch after the one it was asked after.
  const Collective* collective = nullptr;
  // Asked after every mini-batch that the epoch can be stopped behind, on the calling thread, until
  // it says true. The epoch then ends there or up to fifteen mini-batches later, but never
  // completes. It must not use the network, which is busy. What it throws ends the epoch in the
  // same way, and passes through epoch().
  Callback<bool()> should_stop = {};
  // Called after every mini-batch whose cost is finite, on the calling thread. It must not use the
  // network. What it throws passes through epoch(), which is then undone.
  Callback<void(const MiniBatchCost&)> after_mini_batch = {};
  // Asked before every mini-batch, by its number in the epoch, for its learning rate, in place of
  // learning_rate. As after_mini_batch otherwise.
  Callback<double(std::uint64_t)> batch_learning_rate = {};
};

struct StepOptions {
  double learning_rate = 0;  // finite, 0 or more
  // The rows of the samples to train on; without it all of them, as they lie.
  std::optional<std::span<const std::int64_t>> order = {};
  // The mini-batch's number in an epoch that the caller makes of steps: a key of dropout.
  std::uint64_t batch = 0;
  // n of the penalties: that of all samples, which this mini-batch is drawn from; 0 for the rows of
  // the mini-batch itself (their summed weights).
  std::size_t penalty_rows = 0;
  int threads = 0;  // at most so many; 0 for the library's setting
  // Whether the mean is over the rows, a row's weight being a factor of its cost that may have any
  // sign (an advantage, say); else it is the weighted mean, for weights of 0 and more.
  bool mean_over_rows = false;
  const Collective* collective = nullptr;  // as in EpochOptions
};

// How far an epoch is that was stopped.
struct EpochPosition {
  std::uint64_t epoch = 0;      // the network's, in which it was
  std::size_t rows = 0;         // of the whole epoch
  std::size_t batch_size = 0;   // at most as many as rows
  std::uint64_t batches = 0;    // mini-batches done; more than none, fewer than all
  std::uint64_t order = 0;      // tells orders of the rows from each other
  double cost = 0, weight = 0;  // summed over the rows of these mini-batches
};

// Guarded with its network: whoever comes while either is in use gets a BusyError; steps() may be
// asked at any time. Takes memory for the optimiser's slots and one gradient, each as large as the
// parameters (few parameters may take eight gradients, lanes one each), and when it first trains
// for a copy of the parameters and slots, the activations of a mini-batch and the order of an
// epoch's rows; later epochs of the same size take none, unless there is a max_norm.
template <class T>
class Trainer {
 public:
  // Throws InvalidArgument for options out of range, and for a network with an activation that
  // cannot be trained (step). The network must outlive the trainer.
  Trainer(Network<T>& network, TrainOptions options);
  ~Trainer();
  // What was moved from may only be destroyed or assigned to. Neither may be in use.
  Trainer(Trainer&&) noexcept;
  Trainer& operator=(Trainer&&) noexcept;

  // Trains on every mini-batch of the data and returns the mean cost over the rows, each taken
  // before its mini-batch's update. Counts an epoch. Where it is stopped it counts none, returns
  // the mean cost so far, and position() tells where it stands. The next call at the same epoch of
  // the network, with as many rows in the same kind of order (or the same order, if it was given)
  // and the same batch size, trains on the mini-batches that remain, and returns the cost of the
  // whole epoch; any other call begins its epoch from the start.
  // Throws InvalidArgument if data or options do not fit; BusyError if the network is in use;
  // DivergenceError where a cost or parameter is no longer finite. Whatever it throws, but for what
  // should_stop threw, parameters, optimiser and position are then those of before the call.
  double epoch(const Dataset<T>& data, const EpochOptions& options);
  // The same from samples that are checked and compacted anew: whoever trains for several epochs
  // saves that with a data set of its own.
  double epoch(const Samples<T>& samples, const EpochOptions& options);
  // One update from the samples as one mini-batch; returns their mean cost before it. Counts no
  // epoch, and leaves the position alone. Throws as epoch does, but looks only at those parameters
  // that it changes: without penalties sparse rows change few. See check() in network.hpp for what
  // is trusted.
  double step(const Samples<T>& samples, const StepOptions& options);
  // One update from the derivatives of each row's cost with respect to its outputs, (rows,
  // outputs), whatever that cost is; the network's own is not asked. The step follows their mean
  // over the rows, each times its weight, if there are any, which may have any sign. Throws as
  // step; InvalidArgument also for derivatives or weights that are not finite.
  void step_gradient(const Inputs<T>& x, MatrixView<const T> output_gradient,
                     std::span<const T> weights, const StepOptions& options);

  Network<T>& network() const noexcept { return *network_; }
  const TrainOptions& options() const noexcept { return options_; }
  // Other options from now on. The optimiser's memory stays where optimiser and hyperparameters
  // do, and else starts anew. Throws as the constructor, and BusyError; nothing is then changed.
  void set_options(TrainOptions options);

  // Where the network's current epoch was stopped; nothing if it was not begun. Throws BusyError.
  std::optional<EpochPosition> position() const;
  // For who keeps positions elsewhere; nothing forgets that an epoch was begun. Throws
  // InvalidArgument for what cannot be one, BusyError.
  void set_position(const std::optional<EpochPosition>& position);

  // Mini-batches so far: t of the optimisers' equations.
  std::uint64_t steps() const noexcept { return steps_.relaxed(); }
  void set_steps(std::uint64_t steps) noexcept { steps_.set_relaxed(steps); }
  // The optimiser's memory (optimizer_slots of them), each laid out as the parameters, its padding
  // zero. The views live as long as the trainer, or until set_options changes the optimiser.
  std::vector<std::span<T>> slots() noexcept;
  std::vector<std::span<const T>> slots() const noexcept;
  // Shares ownership of slot i, for views that outlive the trainer. Throws std::out_of_range.
  Shared<T> share_slot(std::size_t i) const;

 private:
  template <class U>
  friend void resume(Trainer<U>& trainer, const TensorFile& file);

  struct State;
  struct Pass;
  std::vector<std::span<T>> own_slots() noexcept;  // to be filled by whoever holds the network
  double weight_of(const MiniBatchRows<T>& rows, const Pass& pass);
  MiniBatchCost mini_batch(const MiniBatchRows<T>& rows, Pass& pass);
  void descend(const Batch<T>& batch, const Pass& pass, double penalty_rows, const Dropout* dropout,
               bool has_deltas);
  void update_parameters(const Batch<T>* single, const T* gradients, bool in_lanes,
                         const Pass& pass, double penalty_rows);
  void agree(const Collective& collective, const EpochPosition& at, const Pass& pass);
  std::optional<Distorter<T>> distorter_of(Samples<T>& samples, const Inputs<T>& x,
                                           const DistortionKey& key) const;
  bool run(const Samples<T>& samples, Pass pass, EpochPosition& at);
  double one_step(const Samples<T>& samples, const StepOptions& options, bool given_slopes);

  Network<T>* network_;
  TrainOptions options_;
  Counter steps_;  // written by the thread that trains, read by any
  std::optional<EpochPosition> position_;
  Shared<State> state_;
};

// The order in which an epoch visits out.size() rows: a Fisher-Yates shuffle of 0, 1, ... keyed by
// (seed, epoch), the same on every machine.
void permutation(std::span<std::int64_t> out, std::uint64_t seed, std::uint64_t epoch);

extern template class Trainer<float>;
extern template class Trainer<double>;

}  // namespace nncore
#pragma GCC visibility pop
