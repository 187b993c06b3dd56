#include "nncore/checkpoint.hpp"

#include <algorithm>

#include "io/model_format.hpp"
#include "model/hyperparameters.hpp"
#include "train/epoch_position.hpp"

namespace nncore {

using namespace model_format;

namespace {

constexpr const char* optimizer_key = "nncore.optimizer";
constexpr const char* steps_key = "nncore.steps";
constexpr const char* lanes_key = "nncore.lanes";  // only where there is a number of them
// Rows, batch size and mini-batches done of an epoch that was stopped; 0,0,0 between epochs.
constexpr const char* unfinished_key = "nncore.unfinished";
constexpr const char* order_key = "nncore.unfinished_order";
// Numbers that must come back to the bit are no text.
constexpr const char* hyperparameters_name = "optimizer.hyperparameters";
constexpr const char* sums_name = "optimizer.unfinished";  // cost and weight
// The names of an augmentation's numbers, with commas between them, and the numbers.
constexpr const char* augmentation_key = "nncore.augmentation";
constexpr const char* augmentation_name = "optimizer.augmentation";

std::string slot_prefix(std::size_t slot) { return "optimizer." + std::to_string(slot) + "."; }

std::string optimizer_text(const TrainOptions& options) {
  std::string values;
  const auto known = hyperparameters(options.optimizer);
  for (std::size_t i = 0; i < options.hyperparameters.size(); ++i) {
    values += concat(i ? ", " : "", known[i].name, "=", options.hyperparameters[i]);
  }
  return concat(name(options.optimizer), "(", values, ")");
}

struct NamedNumbers {
  std::string names;
  std::vector<double> values;
};

NamedNumbers numbers_of(const Augmentation& augmentation) {
  NamedNumbers all;
  const auto add = [&](std::string_view name, double value) {
    all.names += concat(all.names.empty() ? "" : ",", name);
    all.values.push_back(value);
  };
  for (const AugmentationSize& size : augmentation_sizes) {
    add(size.name, static_cast<double>(augmentation.*size.member));
  }
  for (const AugmentationNumber& n : augmentation_numbers) add(n.name, augmentation.*n.member);
  return all;
}

Augmentation saved_augmentation(const TensorFile& file) {
  Augmentation augmentation;
  if (!file.metadata().contains(augmentation_key)) return augmentation;
  const std::string names = MetadataReader(file).at(augmentation_key) + ",";
  const auto count = static_cast<std::size_t>(std::count(names.begin(), names.end(), ','));
  const auto values = file.tensor<double>(augmentation_name, {count});
  for (std::size_t i = 0, begin = 0; i < count; ++i) {
    const std::size_t end = names.find(',', begin);
    const std::string name = names.substr(begin, end - begin);
    if (!set_number(augmentation, name, values[i])) {
      throw InvalidArgument(concat("an augmentation has no number ", tensor_format::shown(name)));
    }
    begin = end + 1;
  }
  return augmentation;
}

// Calls write with the network and what its checkpoint holds beside it.
template <class T, class Write>
auto with_state(const Trainer<T>& trainer, const Extras& extras, Write write) {
  const Network<T>& network = trainer.network();
  const typename Network<T>::ReadAccess access(network);
  const TrainOptions& options = trainer.options();
  BlockTensors<T> tensors(network.layers());
  const std::vector<std::span<const T>> slots = trainer.slots();
  for (std::size_t s = 0; s < slots.size(); ++s) {
    if (!all_finite(slots[s].data(), slots[s].size())) {
      throw InvalidArgument(concat("the memory of ", name(options.optimizer),
                                   " has NaN or infinite numbers; the checkpoint is not saved"));
    }
    tensors.add(slots[s].data(), slot_prefix(s));
  }
  const EpochPosition left = trainer.position().value_or(EpochPosition{});
  Metadata own{{optimizer_key, std::string(name(options.optimizer))},
               {steps_key, std::to_string(trainer.steps())},
               {unfinished_key, concat(left.rows, ",", left.batch_size, ",", left.batches)}};
  if (options.lanes > 0) own.emplace(lanes_key, std::to_string(options.lanes));
  if (left.batches > 0) own.emplace(order_key, std::to_string(left.order));
  NamedNumbers augmentation;
  if (distorts(options.augmentation)) {
    augmentation = numbers_of(options.augmentation);
    own.emplace(augmentation_key, augmentation.names);
  }
  Extras all{with_extras(std::move(own), extras), tensors.views()};
  all.tensors.push_back({hyperparameters_name,
                         DType::f64,
                         {options.hyperparameters.size()},
                         options.hyperparameters.data()});
  if (!augmentation.values.empty()) {
    all.tensors.push_back(
        {augmentation_name, DType::f64, {augmentation.values.size()}, augmentation.values.data()});
  }
  const double sums[] = {left.cost, left.weight};
  if (left.batches > 0) all.tensors.push_back({sums_name, DType::f64, {2}, sums});
  all.tensors.insert(all.tensors.end(), extras.tensors.begin(), extras.tensors.end());
  return write(network, all);
}

}  // namespace

template <class T>
void save_checkpoint(const Trainer<T>& trainer, const Path& path, const Extras& extras) {
  with_state(trainer, extras,
             [&](const Network<T>& network, const Extras& all) { save_model(network, path, all); });
}

template <class T>
std::vector<std::byte> checkpoint_bytes(const Trainer<T>& trainer, const Extras& extras) {
  return with_state(trainer, extras, [](const Network<T>& network, const Extras& all) {
    return model_bytes(network, all);
  });
}

std::optional<TrainOptions> saved_options(const TensorFile& file) {
  if (!file.metadata().contains(optimizer_key)) return std::nullopt;
  TrainOptions options;
  try {
    options.optimizer = from_name<Optimizer>(MetadataReader(file).at(optimizer_key));
    const std::size_t count = hyperparameters(options.optimizer).size();
    const auto saved = file.tensor<double>(hyperparameters_name, {count});
    options.hyperparameters.assign(saved.begin(), saved.end());
    check_ranges(options.optimizer, options.hyperparameters);
    if (file.metadata().contains(lanes_key)) {
      options.lanes = static_cast<std::size_t>(MetadataReader(file).number(lanes_key));
      check_lanes(options.lanes);
    }
    options.augmentation = saved_augmentation(file);
  } catch (const InvalidArgument& error) {
    throw ModelFileError(concat(file.label(), ": ", error.what()));
  }
  return options;
}

namespace {

// Where the checkpoint's epoch was stopped.
std::optional<EpochPosition> saved_position(const TensorFile& file, std::uint64_t epoch) {
  const MetadataReader metadata(file);
  const std::vector<std::size_t> left = metadata.numbers(unfinished_key);
  if (left.size() != 3) {
    throw ModelFileError(concat(file.label(), ": the metadata entry ", unfinished_key, " has ",
                                left.size(), " numbers; expected 3"));
  }
  if (left[2] == 0) return std::nullopt;
  EpochPosition position{.epoch = epoch,
                         .rows = left[0],
                         .batch_size = left[1],
                         .batches = left[2],
                         .order = unknown_order};
  if (file.contains(sums_name)) {  // not written by version 0.1.0
    position.order = metadata.number(order_key);
    const auto sums = file.tensor<double>(sums_name, {2});
    position.cost = sums[0];
    position.weight = sums[1];
  }
  try {
    check_position(position);
  } catch (const InvalidArgument& error) {
    throw ModelFileError(concat(file.label(), ": ", error.what()));
  }
  return position;
}

}  // namespace

template <class T>
void resume(Trainer<T>& trainer, const TensorFile& file) {
  const auto saved = saved_options(file);
  if (!saved) {
    throw ModelFileError(
        concat(file.label(), ": a model without a trainer's state; load_model ", "reads it"));
  }
  Network<T>& network = trainer.network();
  const typename Network<T>::TrainAccess access(network);
  const TrainOptions& options = trainer.options();
  if (saved->optimizer != options.optimizer || saved->hyperparameters != options.hyperparameters) {
    throw ModelFileError(concat(file.label(), ": the checkpoint's optimiser is ",
                                optimizer_text(*saved), "; the trainer's is ",
                                optimizer_text(options)));
  }
  const MetadataReader metadata(file);
  for (const auto& [key, value] : model_metadata(network)) {
    if (metadata.at(key) != value) {
      throw ModelFileError(concat(file.label(), ": a checkpoint of another network: ", key, " is ",
                                  tensor_format::shown(metadata.at(key)), "; the network's is ",
                                  tensor_format::shown(value)));
    }
  }
  const std::uint64_t steps = metadata.number(steps_key);
  const auto position = saved_position(file, network.epoch());
  const std::vector<std::span<T>> slots = trainer.own_slots();
  std::vector<std::vector<LayerTensors<T>>> found;
  for (std::size_t s = 0; s < slots.size(); ++s) {
    found.push_back(find_block<T>(file, network.architecture().sizes, slot_prefix(s)));
  }
  for (std::size_t s = 0; s < slots.size(); ++s) {
    fill_block<T>(network.layers(), found[s], slots[s].data());
  }
  trainer.set_steps(steps);
  trainer.position_ = position;
}

#define NNCORE_INSTANTIATE(T)                                                         \
  template void save_checkpoint(const Trainer<T>&, const Path&, const Extras&);       \
  template std::vector<std::byte> checkpoint_bytes(const Trainer<T>&, const Extras&); \
  template void resume(Trainer<T>&, const TensorFile&);
NNCORE_INSTANTIATE(float)
NNCORE_INSTANTIATE(double)
#undef NNCORE_INSTANTIATE

}  // namespace nncore
