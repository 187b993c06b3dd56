// Networks in model files: safetensors with the tensors weights.0 (out, in), biases.0 (out,),
// weights.1, ... and the architecture in the metadata.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <variant>

#include "nncore/network.hpp"
#include "nncore/tensor_file.hpp"

namespace [[gnu::visibility("default")]] nncore {

using AnyNetwork = std::variant<std::shared_ptr<Network<float>>, std::shared_ptr<Network<double>>>;

// What a model file says of the network beside its parameters.
template <class T>
[[gnu::visibility("default")]] std::map<std::string, std::string> model_metadata(
    const Network<T>& network);

// Writes the file whole or not at all. Throws ModelFileError; InvalidArgument for parameters that
// are not finite; BusyError during training.
template <class T>
[[gnu::visibility("default")]] void save_model(const Network<T>& network,
                                               const std::filesystem::path& path);

// Reads a network in the file's own dtype; tensors and metadata of other names are left alone.
// Throws ModelFileError.
AnyNetwork load_model(const std::filesystem::path& path);
AnyNetwork model_from(const TensorFile& file);

}  // namespace nncore
