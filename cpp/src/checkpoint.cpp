#include "nncore/checkpoint.hpp"

#include "hyperparameters.hpp"
#include "model_format.hpp"

namespace nncore {

using namespace model_format;

namespace {

constexpr const char* optimizer_key = "nncore.optimizer";
constexpr const char* steps_key = "nncore.steps";
constexpr const char* unfinished_key = "nncore.unfinished";
// Numbers that must come back to the bit are no text.
constexpr const char* hyperparameters_name = "optimizer.hyperparameters";

std::string slot_prefix(std::size_t slot) { return "optimizer." + std::to_string(slot) + "."; }

std::string shown(const TrainOptions& options) {
  std::string values;
  const auto known = hyperparameters(options.optimizer);
  for (std::size_t i = 0; i < options.hyperparameters.size(); ++i) {
    values += text(i ? ", " : "", known[i].name, "=", options.hyperparameters[i]);
  }
  return text(name(options.optimizer), "(", values, ")");
}

}  // namespace

template <class T>
void save_checkpoint(const Network<T>& network, Trainer<T>& trainer,
                     const std::filesystem::path& path, const Unfinished& unfinished,
                     const Extras& extras) {
  const TrainOptions& options = trainer.options();
  const typename Network<T>::ReadAccess access(network);
  BlockTensors<T> tensors(network.layers());
  const std::vector<std::span<T>> slots = trainer.slots();
  for (std::size_t s = 0; s < slots.size(); ++s) {
    if (slots[s].size() != network.parameters().size()) {
      throw InvalidArgument(text("the trainer's slots have ", slots[s].size(),
                                 " numbers; expected ", network.parameters().size(),
                                 ", as the network's parameters"));
    }
    if (!all_finite(slots[s].data(), slots[s].size())) {
      throw InvalidArgument(text("the memory of ", name(options.optimizer),
                                 " has NaN or infinite numbers; the checkpoint is not saved"));
    }
    tensors.add(slots[s].data(), slot_prefix(s));
  }
  Extras all{with_extras({{optimizer_key, std::string(name(options.optimizer))},
                          {steps_key, std::to_string(trainer.steps())},
                          {unfinished_key, text(unfinished.rows, ",", unfinished.batch_size, ",",
                                                unfinished.batches)}},
                         extras),
             tensors.views()};
  all.tensors.push_back({hyperparameters_name,
                         DType::f64,
                         {options.hyperparameters.size()},
                         options.hyperparameters.data()});
  all.tensors.insert(all.tensors.end(), extras.tensors.begin(), extras.tensors.end());
  save_model(network, path, all);
}

std::optional<TrainOptions> saved_options(const TensorFile& file) {
  if (!file.metadata().contains(optimizer_key)) return std::nullopt;
  TrainOptions options;
  try {
    options.optimizer = from_name<Optimizer>(Metadata(file).at(optimizer_key));
    const std::size_t count = hyperparameters(options.optimizer).size();
    const auto saved = file.tensor<double>(hyperparameters_name, {count});
    options.hyperparameters.assign(saved.begin(), saved.end());
    check_ranges(options.optimizer, options.hyperparameters);
  } catch (const InvalidArgument& error) {
    throw ModelFileError(text(file.label(), ": ", error.what()));
  }
  return options;
}

template <class T>
Unfinished resume(Trainer<T>& trainer, const Network<T>& network, const TensorFile& file) {
  const auto saved = saved_options(file);
  if (!saved) {
    throw ModelFileError(
        text(file.label(), ": a model without a trainer's state; load_model ", "reads it"));
  }
  const TrainOptions& options = trainer.options();
  if (saved->optimizer != options.optimizer || saved->hyperparameters != options.hyperparameters) {
    throw ModelFileError(text(file.label(), ": the checkpoint's optimiser is ", shown(*saved),
                              "; the trainer's is ", shown(options)));
  }
  const Metadata metadata(file);
  const typename Network<T>::ReadAccess access(network);
  for (const auto& [key, value] : model_metadata(network)) {
    if (metadata.at(key) != value) {
      throw ModelFileError(text(file.label(), ": a checkpoint of another network: ", key, " is ",
                                tensor_format::shown(metadata.at(key)), "; the network's is ",
                                tensor_format::shown(value)));
    }
  }
  const std::uint64_t steps = metadata.number(steps_key);
  const std::vector<std::size_t> left = metadata.numbers(unfinished_key);
  if (left.size() != 3) {
    throw ModelFileError(text(file.label(), ": the metadata entry ", unfinished_key, " has ",
                              left.size(), " numbers; expected 3"));
  }
  const std::vector<std::span<T>> slots = trainer.slots();
  std::vector<std::vector<LayerTensors<T>>> found;
  for (std::size_t s = 0; s < slots.size(); ++s) {
    found.push_back(find_block<T>(file, network.architecture().sizes, slot_prefix(s)));
  }
  for (std::size_t s = 0; s < slots.size(); ++s) {
    fill_block<T>(network.layers(), found[s], slots[s].data());
  }
  trainer.set_steps(steps);
  return {left[0], left[1], left[2]};
}

#define NNCORE_INSTANTIATE(T)                                                                 \
  template void save_checkpoint(const Network<T>&, Trainer<T>&, const std::filesystem::path&, \
                                const Unfinished&, const Extras&);                            \
  template Unfinished resume(Trainer<T>&, const Network<T>&, const TensorFile&);
NNCORE_INSTANTIATE(float)
NNCORE_INSTANTIATE(double)
#undef NNCORE_INSTANTIATE

}  // namespace nncore
