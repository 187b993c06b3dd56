// Checkpoints: model files that also hold what a trainer remembers, so that training goes on from
// them with the same bits as if it had never stopped. Python and C read and write the same files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "nncore/model_file.hpp"
#include "nncore/train.hpp"

#pragma GCC visibility push(default)
namespace nncore {

// An epoch that EpochOptions::should_stop ended after `batches` of its mini-batches.
struct Unfinished {
  std::size_t rows = 0;  // of the whole epoch
  std::size_t batch_size = 0;
  std::uint64_t batches = 0;
};

// Writes a model file with the trainer's state added: its optimiser, hyperparameters and steps,
// and its slots as the tensors optimizer.0.weights.0 (out, in), optimizer.0.biases.0 (out,), ...
// `unfinished` is the network's current epoch if that was begun. The options that are no part of
// the optimiser (batch size, penalties, dropout, ...) are not kept.
// The trainer must be one of that network. Errors as save_model; InvalidArgument also for slots
// that are not finite or of another size than the network's parameters.
template <class T>
[[gnu::visibility("default")]] void save_checkpoint(const Network<T>& network, Trainer<T>& trainer,
                                                    const std::filesystem::path& path,
                                                    const Unfinished& unfinished = {},
                                                    const Extras& extras = {});

// The optimiser and hyperparameters of a checkpoint, the other options left to the caller; nothing
// if the file is a model without a trainer. Throws ModelFileError for a damaged checkpoint.
std::optional<TrainOptions> saved_options(const TensorFile& file);

// Puts a trainer where the one stood that was saved, and returns what was done of the network's
// current epoch. The trainer must be one of that network. Throws ModelFileError,
// having changed nothing, if the file is a damaged checkpoint or none, if it has another optimiser
// or other hyperparameters than the trainer, or if it is not of the network as it stands
// (architecture, dtype, seed and epoch); BusyError during training.
//
//   const TensorFile file = read_tensor_file(path);
//   const auto network = std::get<std::shared_ptr<Network<float>>>(model_from(file));
//   TrainOptions options = saved_options(file).value();
//   options.batch_size = 32;  // and whatever else the run was started with
//   Trainer<float> trainer(*network, options);
//   const Unfinished left = resume(trainer, *network, file);
//
// The epoch's remaining rows are order.subspan(left.batches * left.batch_size), and their
// EpochOptions::first_batch is left.batches.
template <class T>
[[gnu::visibility("default")]] Unfinished resume(Trainer<T>& trainer, const Network<T>& network,
                                                 const TensorFile& file);

}  // namespace nncore
#pragma GCC visibility pop
