#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "compute/backprop.hpp"
#include "compute/lane_exchange.hpp"
#include "data/check.hpp"
#include "model/hyperparameters.hpp"
#include "model/parameter_access.hpp"
#include "nncore/train.hpp"
#include "threads/parallel.hpp"
#include "train/clipping.hpp"
#include "train/epoch_position.hpp"
#include "train/finite_bound.hpp"
#include "train/trainer_state.hpp"

namespace nncore {
namespace {

void check_rate(double value, std::string_view what) {
  if (!(value >= 0) || std::isinf(value)) {
    throw InvalidArgument(concat(what, " is ", value, "; expected a finite number, 0 or more"));
  }
}

template <class T>
void check_options(const Network<T>& network, const TrainOptions& options) {
  check_trainable(network);
  if (options.batch_size < 1) throw InvalidArgument("the batch size is 0; expected 1 or more");
  for (const NumberOption& o : number_options) check_rate(options.*o.member, o.name);
  const std::size_t wanted = network.layers().size();
  if (!options.dropout.empty() && options.dropout.size() != wanted) {
    throw InvalidArgument(concat("there are ", options.dropout.size(), " dropout rates; expected ",
                                 wanted, ", for the inputs and each hidden layer"));
  }
  for (const double rate : options.dropout) {
    if (!(rate >= 0 && rate < 1)) {
      throw InvalidArgument(concat("a dropout rate is ", rate, "; expected 0 <= rate < 1"));
    }
  }
  if (!options.rates.empty() && options.rates.size() != 2 * wanted) {
    throw InvalidArgument(concat("there are ", options.rates.size(),
                                 " factors of the rate; expected ", 2 * wanted,
                                 ", for the weights and the biases of each layer"));
  }
  for (const double rate : options.rates) check_rate(rate, "a factor of the learning rate");
  check(options.augmentation, network.inputs());
  check_ranges(options.optimizer, options.hyperparameters);
  check_lanes(options.lanes);
}

template <class T>
std::size_t size_of(const Network<T>& network) {
  return network.parameters().size();
}

template <class Element, class T>
std::vector<std::span<Element>> views_of(std::vector<Buffer<T>>& slots) {
  std::vector<std::span<Element>> spans;
  for (Buffer<T>& slot : slots) spans.emplace_back(slot.data(), slot.size());
  return spans;
}

}  // namespace

template <class T>
Trainer<T>::Trainer(Network<T>& network, TrainOptions options)
    : network_(&network), state_(std::make_shared<State>()) {
  options.hyperparameters = with_defaults(options.optimizer, options.hyperparameters);
  check_options(network, options);
  state_->start_anew(options, size_of(network));
  state_->take_rates(options);
  options_ = std::move(options);
}

template <class T>
void Trainer<T>::set_options(TrainOptions options) {
  options.hyperparameters = with_defaults(options.optimizer, options.hyperparameters);
  check_options(*network_, options);
  const typename Network<T>::TrainAccess access(*network_);
  if (options.optimizer != options_.optimizer ||
      options.hyperparameters != options_.hyperparameters) {
    state_->start_anew(options, size_of(*network_));
    set_steps(0);
  }
  state_->bounds.slots_known = false;  // of what was not trained so far
  if (options.rates != options_.rates) state_->take_rates(options);
  options_ = std::move(options);
}

template <class T>
Trainer<T>::~Trainer() = default;

template <class T>
Trainer<T>::Trainer(Trainer&&) noexcept = default;

template <class T>
Trainer<T>& Trainer<T>::operator=(Trainer&&) noexcept = default;

template <class T>
std::vector<std::span<T>> Trainer<T>::slots() noexcept {
  state_->slots_shared = true;
  return views_of<T>(state_->slots);
}

template <class T>
std::vector<std::span<T>> Trainer<T>::own_slots() noexcept {
  state_->bounds.slots_known = false;
  return views_of<T>(state_->slots);
}

template <class T>
std::vector<std::span<const T>> Trainer<T>::slots() const noexcept {
  return views_of<const T>(state_->slots);
}

template <class T>
Shared<T> Trainer<T>::share_slot(std::size_t i) const {
  state_->slots_shared = true;
  return state_->slots.at(i).share();
}

template <class T>
std::optional<EpochPosition> Trainer<T>::position() const {
  const typename Network<T>::ReadAccess access(*network_);
  return position_ && position_->epoch == network_->epoch() ? position_ : std::nullopt;
}

template <class T>
void Trainer<T>::set_position(const std::optional<EpochPosition>& position) {
  if (position) check_position(*position);
  const typename Network<T>::TrainAccess access(*network_);
  position_ = position;
}

// The backward pass of plain SGD, whose update is the gradient with the parameters as destination;
// what is left of it once there are deltas.
template <class T>
void Trainer<T>::descend(const Batch<T>& batch, const Pass& pass, double penalty_rows,
                         const Dropout* dropout, bool has_deltas) {
  State& s = *state_;
  const GradientSink<T> sink{.data = ParameterAccess<T>::parameters(*network_).data(),
                             .scale = static_cast<T>(-pass.learning_rate / batch.weight_sum),
                             .decay = 1 - pass.learning_rate * options_.l2 / penalty_rows,
                             .rates = options_.rates};
  if (!s.single) {
    return has_deltas ? add_gradients(s.ws, *network_, batch, sink)
                      : backward<T>(s.ws, *network_, batch, sink, dropout);
  }
  if (!has_deltas) backward<T>(s.ws, *network_, batch, {}, dropout);
  const bool sure = surely_stays_finite(s.ws, *network_, batch, sink, s.bounds);
  if (!sure) s.snapshot.take();
  add_gradients(s.ws, *network_, batch, sink);
  s.ws.pending_decay.apply();
  s.left_finite = sure || network_->all_finite();
}

// What the mean over a mini-batch divides by. Lanes that were chosen add their rows' weights up as
// their gradients; a rank reads those of its own lanes alone.
template <class T>
double Trainer<T>::weight_of(const MiniBatchRows<T>& rows, const Pass& pass) {
  State& s = *state_;
  if (pass.mean_over_rows || rows.samples.weights.empty()) return double(rows.rows);
  if (options_.lanes == 0) {
    return weight_of_rows(rows.samples, rows.order, rows.first, rows.rows);
  }
  const double here = s.lanes.weight(rows);
  return pass.collective ? s.exchange.weight(*pass.collective, s.lanes) : here;
}

// One mini-batch: forward, cost, backward, update.
template <class T>
MiniBatchCost Trainer<T>::mini_batch(const MiniBatchRows<T>& rows, Pass& pass) {
  State& s = *state_;
  const bool in_lanes = s.lanes.cuts(rows.rows);
  const std::size_t size = size_of(*network_);
  const double n = weight_of(rows, pass);
  const GradientSink<T> mean{.scale = static_cast<T>(1 / n), .overwrite = true, .rates = s.trained};

  MiniBatchCost cost{.weight = n};
  Batch<T> batch = in_lanes
                       ? Batch<T>{}
                       : make_batch(s.ws, *network_, rows.samples, rows.order, rows.first,
                                    rows.rows, Purpose::train, rows.dropout, 0, rows.distorter);
  const bool by_rows = !in_lanes && passes_by_rows(s.ws, *network_, batch, rows.dropout);
  if (in_lanes) {
    cost.cost = s.lanes.pass(*network_, rows, mean, pass.cost_epsilon);
    if (pass.collective) {
      s.notice.learning_rate = pass.learning_rate;
      cost.cost = s.exchange.exchange(*pass.collective, s.lanes, size, s.notice);
      pass.learning_rate = s.notice.learning_rate;
    }
  } else {
    batch.weight_sum = n;
    if (by_rows) {
      cost.cost = pass_by_rows(s.ws, *network_, batch, pass.cost_epsilon);
    } else {
      forward(s.ws, *network_, batch, Purpose::train, rows.dropout);
      cost.cost = batch_cost(s.ws, *network_, batch, pass.cost_epsilon);
    }
  }
  if (!std::isfinite(cost.cost)) return cost;
  if (n == 0) return {};  // every weight is zero: nothing to learn
  const double penalty_rows = pass.penalty_rows > 0 ? pass.penalty_rows : n;
  if (pass.cost_with_penalty) {
    s.ws.pending_decay.apply();
    cost.penalty = penalty_cost(*network_, options_.l2 / penalty_rows, options_.l1 / penalty_rows);
  }

  const bool clipped = options_.clip_value > 0 || options_.clip_norm > 0;
  if (!in_lanes && options_.optimizer == Optimizer::sgd && options_.l1 == 0 && !clipped) {
    descend(batch, pass, penalty_rows, rows.dropout, by_rows);
  } else {
    bool to_add_up = false;
    T* gradients = nullptr;
    if (pass.collective) {
      gradients = s.exchange.gather(*pass.collective, s.lanes);
    } else if (in_lanes) {
      gradients = s.lanes.gradient();
      if (clipped) s.lanes.add_up(0, size);
      to_add_up = !clipped;
    } else {
      GradientSink<T> sink = mean;
      sink.data = gradients = s.gradients.reserve(size);
      if (by_rows) {
        add_gradients(s.ws, *network_, batch, sink);
      } else {
        backward<T>(s.ws, *network_, batch, sink, rows.dropout);
      }
    }
    clip<T>({gradients, size}, options_);
    update_parameters(s.single ? &batch : nullptr, gradients, to_add_up, pass, penalty_rows);
  }
  if (options_.max_norm > 0) {
    s.ws.pending_decay.apply();
    bound_norms<T>(*network_, options_.max_norm, options_.rates);
  }
  set_steps(steps() + 1);
  return cost;
}

// What distorts the rows x, if the options say so; the samples then have these, with their zeros.
template <class T>
std::optional<Distorter<T>> Trainer<T>::distorter_of(Samples<T>& samples, const Inputs<T>& x,
                                                     const DistortionKey& key) const {
  if (!distorts(options_.augmentation)) return std::nullopt;
  samples.x = x;
  return std::optional<Distorter<T>>(std::in_place, options_.augmentation, x, key);
}

// Trains on the mini-batches behind `at`, and moves it along. False if it was stopped.
template <class T>
bool Trainer<T>::run(const Samples<T>& samples, Pass pass, EpochPosition& at) {
  check_rate(pass.learning_rate, "the learning rate");
  if (pass.threads < 0) {
    throw InvalidArgument(concat("the number of threads is ", pass.threads,
                                 "; expected 1 or more, or 0 for the library's setting"));
  }
  State& s = *state_;
  const int most = share_of_threads();
  int threads = pass.threads > 0 ? std::min(most, pass.threads) : most;
  const InputDensity inputs = stored_density(samples.x);
  if (pass.collective) agree(*pass.collective, at, pass);
  if (pass.collective && pass.collective->ranks == 1) pass.collective = nullptr;
  LaneChoice choice{.lanes = options_.lanes};
  if (pass.collective) choice = {options_.lanes, pass.collective->rank, pass.collective->ranks};
  s.lanes.prepare(*network_, inputs, at.batch_size, threads, pass.given_slopes, choice);
  prepare(s.ws, *network_, inputs, s.lanes.most_uncut(at.batch_size), Purpose::train, threads);
  const bool in_lanes = s.lanes.cuts(at.batch_size);
  if (!(in_lanes ? s.lanes.deserves_threads(at.batch_size)
                 : s.ws.plan.deserves_threads(at.batch_size))) {
    threads = s.ws.threads = 1;
  }
  s.ws.given_slopes = pass.given_slopes;
  const SparseView<T>& sparse = samples.x.sparse;
  s.ws.ascends = s.ws.threads > 1 && (sparse.ascending || columns_ascend(sparse));
  s.lanes.set_ascending(s.ws.ascends);
  s.notice = {};
  // Nothing is left then that could fail once the update is made. Few parameters are copied faster
  // than they are looked at.
  constexpr std::size_t few_parameters = 4096;
  s.single = size_of(*network_) >= few_parameters && !s.lanes.cuts(at.rows) && at.batches == 0 &&
             at.rows <= at.batch_size && options_.max_norm == 0 && !pass.cost_with_penalty &&
             !pass.after_mini_batch && !pass.batch_learning_rate;
  s.left_finite = true;
  s.snapshot.begin(ParameterAccess<T>::parameters(*network_), s.slots);
  s.bounds.begin_call(*network_);
  if (!s.single) {
    s.bounds.parameters = s.bounds.unknown;
    s.snapshot.take();
  }
  const std::uint64_t steps_before = steps();
  const char* const begun = at.batches == 0 ? "epoch's" : "call's";

  bool finite = true, stopping = false, stopped = false;
  std::exception_ptr thrown;  // by should_stop
  const auto asked_to_stop = [&] {
    try {
      return (*pass.should_stop)();
    } catch (...) {
      thrown = std::current_exception();
      return true;
    }
  };
  auto train = [&] {
    const typename PendingDecay<T>::Run decay(s.ws.pending_decay,
                                              ParameterAccess<T>::weights(*network_, 0));
    while (at.batches * at.batch_size < pass.rows_end && finite && !stopped) {
      const auto row = static_cast<std::size_t>(at.batches) * at.batch_size;
      const Dropout drawn{options_.dropout, network_->seed(), network_->epoch(),
                          pass.first_batch + at.batches};
      const Dropout* dropout = options_.dropout.empty() ? nullptr : &drawn;
      if (pass.batch_learning_rate) {
        pass.learning_rate = (*pass.batch_learning_rate)(at.batches);
        check_rate(pass.learning_rate, "the learning rate");
      }
      MiniBatchCost cost =
          mini_batch({samples, pass.order, row - pass.rows_before,
                      std::min(at.batch_size, pass.rows_end - row), dropout, pass.distorter},
                     pass);
      pool_beat();
      cost.number = at.batches++;
      at.cost += cost.cost + cost.weight * cost.penalty;
      at.weight += cost.weight;
      finite = std::isfinite(at.cost);
      if (pass.after_mini_batch && finite) (*pass.after_mini_batch)(cost);

      s.ws.pending_decay.apply_after(at.batches);
      std::uint64_t stop = s.ws.pending_decay.none_pending_after(at.batches);
      if (pass.collective) {  // all ranks stop where any of them has said so: behind the next one
        stopped = s.notice.stops;
        stop = at.batches + 1;
      }
      if (!pass.should_stop || stop * at.batch_size >= pass.rows_end) continue;  // nowhere to stop
      stopping = stopping || asked_to_stop();
      if (pass.collective) {
        s.notice.stops = stopping;
      } else {
        stopped = stopping && stop == at.batches;
      }
    }
  };
  const auto restore = [&] {
    s.snapshot.restore();
    set_steps(steps_before);
  };
  try {
    with_spin_pool(threads, double(size_of(*network_)) * double(at.batch_size), std::move(train));
  } catch (...) {
    restore();
    throw;
  }
  if (!finite || !(s.single ? s.left_finite.load() : network_->all_finite())) {
    restore();
    if (thrown) std::rethrow_exception(thrown);
    throw DivergenceError(
        concat("training diverged in epoch ", network_->epoch(), ": the ",
               finite ? "parameters are" : "cost is",
               " no longer finite; the parameters are those of the ", begun,
               " start. A smaller learning rate may help (it is ", pass.learning_rate, ")"),
        static_cast<long>(network_->epoch()));
  }
  if (thrown) {
    position_ = at;
    std::rethrow_exception(thrown);
  }
  return !stopped;
}

template <class T>
double Trainer<T>::epoch(const Dataset<T>& data, const EpochOptions& options) {
  const typename Network<T>::TrainAccess access(*network_);
  data.check_suits(*network_);
  if (data.rows() == 0) throw InvalidArgument("x has no rows; there is nothing to learn from");
  std::vector<std::int64_t>& order = state_->order;
  order.clear();
  if (options.order) {
    if (options.order->empty()) {
      throw InvalidArgument("the order has no rows; expected one at least");
    }
    order.assign(options.order->begin(), options.order->end());
    check_order(order, data.rows());
  } else if (options.shuffle) {
    order.resize(data.rows());
    permutation(order, network_->seed(), network_->epoch());
  }

  const std::size_t rows_here = order.empty() ? data.rows() : order.size();
  EpochPosition at{.epoch = network_->epoch(),
                   .rows = options.part ? options.part->epoch_rows : rows_here};
  at.batch_size = std::min(options_.batch_size, at.rows);
  if (position_ && is_same_epoch(*position_, at, options)) at = *position_;
  if (options.should_stop || options.part) at.order = row_order_key(options);
  const std::size_t before = options.part ? options.part->rows_before : 0;
  if (options.part) {
    check_part(*options.part, rows_here, at);
    if (at.batches * at.batch_size >= before + rows_here) {
      return at.weight > 0 ? at.cost / at.weight : 0;
    }
  }
  const std::size_t rows = options.penalty_rows ? options.penalty_rows
                           : options.part       ? at.rows
                                                : data.rows();
  Samples<T> samples = data.samples();
  const std::optional<Distorter<T>> distorter =
      distorter_of(samples, data.inputs(), {network_->seed(), network_->epoch(), before});
  const bool whole = run(
      samples,
      {.learning_rate = options.learning_rate,
       .penalty_rows = options.penalty_by_mini_batch ? 0 : double(rows),
       .cost_with_penalty = options.cost_with_penalty,
       .cost_epsilon = options.cost_epsilon,
       .threads = options.threads,
       .collective = options.collective,
       .order = order,
       .rows_before = before,
       .rows_end = before + rows_here,
       .distorter = distorter ? &*distorter : nullptr,
       .should_stop = options.should_stop ? &options.should_stop : nullptr,
       .after_mini_batch = options.after_mini_batch ? &options.after_mini_batch : nullptr,
       .batch_learning_rate = options.batch_learning_rate ? &options.batch_learning_rate : nullptr},
      at);
  if (whole && before + rows_here == at.rows) {
    position_.reset();
    network_->set_epoch(network_->epoch() + 1);
  } else {
    position_ = at;
  }
  return at.weight > 0 ? at.cost / at.weight : 0;
}

template <class T>
double Trainer<T>::epoch(const Samples<T>& samples, const EpochOptions& options) {
  return epoch(Dataset<T>(*network_, samples), options);
}

template <class T>
double Trainer<T>::step(const Samples<T>& samples, const StepOptions& options) {
  const typename Network<T>::TrainAccess access(*network_);
  check_shapes(*network_, samples);
  return one_step(samples, options, false);
}

template <class T>
void Trainer<T>::step_gradient(const Inputs<T>& x, MatrixView<const T> output_gradient,
                               std::span<const T> weights, const StepOptions& options) {
  const typename Network<T>::TrainAccess access(*network_);
  check_shapes(*network_, x);
  check_out(output_gradient, x.rows(), network_->outputs(), "the outputs' gradient");
  for (std::size_t i = 0; i < x.rows(); ++i) {
    if (nncore::all_finite(output_gradient.row(i), output_gradient.cols)) continue;
    throw InvalidArgument(concat("the outputs' gradient has NaN or infinity in row ", i,
                                 "; expected finite numbers"));
  }
  check_weights(weights, x.rows(), true);
  StepOptions of_rows = options;
  of_rows.mean_over_rows = true;
  one_step({x, output_gradient, weights}, of_rows, true);
}

// The samples fit the network, which is held.
template <class T>
double Trainer<T>::one_step(const Samples<T>& samples, const StepOptions& options,
                            bool given_slopes) {
  std::vector<std::int64_t>& order = state_->order;
  order.clear();
  if (options.order) order.assign(options.order->begin(), options.order->end());
  check_order(order, samples.rows());
  EpochPosition at{.rows = options.order ? order.size() : samples.rows()};
  if (at.rows == 0) throw InvalidArgument("x has no rows; there is nothing to learn from");
  at.batch_size = at.rows;
  Samples<T> rows = samples;
  // Steps are no epoch: each is told from the others by its number.
  const std::uint64_t seed = network_->seed() ^ (options.batch + 1) * 0x9E3779B97F4A7C15u;
  const std::optional<Distorter<T>> distorter =
      given_slopes ? std::optional<Distorter<T>>()
                   : distorter_of(rows, samples.x, {seed, network_->epoch()});
  run(rows,
      {.learning_rate = options.learning_rate,
       .penalty_rows = double(options.penalty_rows),
       .mean_over_rows = options.mean_over_rows,
       .given_slopes = given_slopes,
       .threads = options.threads,
       .collective = options.collective,
       .first_batch = options.batch,
       .order = order,
       .rows_end = at.rows,
       .distorter = distorter ? &*distorter : nullptr},
      at);
  return at.weight > 0 ? at.cost / at.weight : 0;
}

template class Trainer<float>;
template class Trainer<double>;

}  // namespace nncore
