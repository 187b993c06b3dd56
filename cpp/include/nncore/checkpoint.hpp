// Checkpoints: model files that also hold what a trainer remembers, so that training goes on from
// them with the same bits as if it had never stopped. Python and C read and write the same files.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "nncore/model_file.hpp"
#include "nncore/path.hpp"
#include "nncore/train.hpp"

#pragma GCC visibility push(default)
namespace nncore {

// Writes the trainer's network as a model file, with the trainer's state added: its optimiser,
// hyperparameters and steps, its slots as the tensors optimizer.0.weights.0 (out, in),
// optimizer.0.biases.0 (out,), ..., and how far the current epoch is if it was stopped. The options
// that are no part of the optimiser (batch size, penalties, dropout, ...) are not kept, but for the
// number of lanes.
// Errors as save_model; InvalidArgument also for slots that are not finite.
template <class T>
[[gnu::visibility("default")]] void save_checkpoint(const Trainer<T>& trainer, const Path& path,
                                                    const Extras& extras = {});

// The bytes of that file. Throws InvalidArgument and BusyError as above.
template <class T>
[[gnu::visibility("default")]] std::vector<std::byte> checkpoint_bytes(const Trainer<T>& trainer,
                                                                       const Extras& extras = {});

// The optimiser, hyperparameters and lanes of a checkpoint, the other options left to the caller;
// nothing if the file is a model without a trainer. Throws ModelFileError for a damaged checkpoint.
std::optional<TrainOptions> saved_options(const TensorFile& file);

// Puts a trainer where the one stood that was saved: the next epoch() goes on with the epoch that
// was stopped, if one was, and then returns the cost of all of it (of what was left, where version
// 0.1.0 wrote the file). Throws ModelFileError, having changed nothing, if the file is a damaged
// checkpoint or none, if it has another optimiser or other hyperparameters than the trainer, or if
// it is not of the trainer's network as it stands (architecture, dtype, seed and epoch); BusyError
// during training.
//
//   const TensorFile file = read_tensor_file(path);
//   const auto network = model_from<float>(file);
//   TrainOptions options = saved_options(file).value();
//   options.batch_size = 32;  // and whatever else the run was started with
//   Trainer<float> trainer(*network, options);
//   resume(trainer, file);
template <class T>
[[gnu::visibility("default")]] void resume(Trainer<T>& trainer, const TensorFile& file);

}  // namespace nncore
#pragma GCC visibility pop
