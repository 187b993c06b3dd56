// Feeds the reader of models and checkpoints any bytes: it must refuse them with a ModelFileError,
// or give a network that predicts, and that comes back the same from its own file.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "nncore/checkpoint.hpp"
#include "nncore/error.hpp"

namespace {

template <class T>
void use(const nncore::Network<T>& network) {
  const std::vector<T> row(network.inputs(), T(1));
  std::vector<T> outputs(network.outputs());
  network.feedforward(nncore::MatrixView<const T>{row.data(), 1, row.size(), row.size()},
                      {outputs.data(), 1, outputs.size(), outputs.size()});

  const std::vector<std::byte> saved = nncore::model_bytes(network);
  const auto again = nncore::model_from(nncore::parse_tensor_bytes(saved, "again"));
  const auto& found = *std::get<nncore::Shared<nncore::Network<T>>>(again);
  if (nncore::model_bytes(found) != saved) std::abort();
}

template <class T>
void resume(const nncore::TensorFile& file, nncore::Network<T>& network) {
  const auto options = nncore::saved_options(file);
  if (!options) return;
  try {
    nncore::Trainer<T> trainer(network, *options);
    nncore::resume(trainer, file);
  } catch (const nncore::InvalidArgument&) {  // step units cannot be trained
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto file = nncore::parse_tensor_bytes(std::as_bytes(std::span(data, size)), "fuzz");
    std::visit(
        [&](const auto& network) {
          use(*network);
          resume(file, *network);
        },
        nncore::model_from(file));
  } catch (const nncore::ModelFileError&) {
  }
  return 0;
}
