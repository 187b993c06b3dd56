// Feeds the reader of tensor files any bytes: it must refuse them with a ModelFileError or give
// tensors that are really there.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "nncore/error.hpp"
#include "nncore/tensor_file.hpp"

namespace {

template <class T>
std::vector<T> copy(const nncore::TensorFile& file, const nncore::TensorView& tensor) {
  const auto elements = file.tensor<T>(tensor.name, tensor.shape);
  return {elements.begin(), elements.end()};
}

std::size_t copied_bytes(const nncore::TensorFile& file, const nncore::TensorView& tensor) {
  switch (tensor.dtype) {
    case nncore::DType::f32:
      return 4 * copy<float>(file, tensor).size();
    case nncore::DType::f64:
      return 8 * copy<double>(file, tensor).size();
    case nncore::DType::i64:
      return 8 * copy<std::int64_t>(file, tensor).size();
    case nncore::DType::u8:
      return copy<std::uint8_t>(file, tensor).size();
  }
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto file = nncore::parse_tensor_bytes(std::as_bytes(std::span(data, size)), "fuzz");
    std::uint64_t header = 0;
    for (std::size_t i = 8; i-- > 0;) header = header << 8 | data[i];
    std::size_t total = 0;
    for (const auto& name : file.names()) total += copied_bytes(file, file.at(name));
    if (8 + header + total != size) std::abort();
  } catch (const nncore::ModelFileError&) {
  }
  return 0;
}
