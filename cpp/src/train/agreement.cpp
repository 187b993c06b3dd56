// Ranks that train together see whether they train the same.
#include <string_view>
#include <vector>

#include "train/fingerprint.hpp"
#include "train/trainer_state.hpp"

namespace nncore {

// Sees to it that all ranks are about to train the same.
template <class T>
void Trainer<T>::agree(const Collective& collective, const EpochPosition& at, const Pass& pass) {
  LaneExchange<T>::check(collective, options_.lanes);
  const Network<T>& n = *network_;
  const TrainOptions& o = options_;
  Fingerprint rows, options, parameters;
  rows.add<std::uint64_t>({at.epoch, at.rows, at.batch_size, at.batches, pass.rows_before,
                           pass.rows_end, steps(), n.seed()});
  options.add<std::uint64_t>(
      {std::uint64_t(o.optimizer), o.lanes, pass.given_slopes, pass.mean_over_rows});
  options.add<double>({pass.penalty_rows});
  for (const NumberOption& number : number_options) options.add<double>({o.*number.member});
  for (const std::vector<double>* list : {&o.hyperparameters, &o.dropout, &o.rates}) {
    options.add(std::span<const double>(*list));
  }
  const Augmentation& a = o.augmentation;
  for (const AugmentationSize& size : augmentation_sizes)
    options.add<std::uint64_t>({a.*size.member});
  for (const AugmentationNumber& number : augmentation_numbers)
    options.add<double>({a.*number.member});
  parameters.add(std::span<const std::size_t>(n.architecture().sizes));
  parameters.add(std::span<const T>(n.parameters()));
  for (const Buffer<T>& slot : state_->slots) {
    parameters.add(std::span<const T>(slot.data(), slot.size()));
  }
  const std::uint64_t numbers[] = {rows.value(), options.value(), parameters.value()};
  constexpr std::string_view what[] = {"the epoch, its rows or the mini-batches",
                                       "the options of training",
                                       "the parameters or the optimiser's memory"};
  state_->exchange.check_equal(collective, numbers, what);
}

template void Trainer<float>::agree(const Collective&, const EpochPosition&, const Pass&);
template void Trainer<double>::agree(const Collective&, const EpochPosition&, const Pass&);

}  // namespace nncore
