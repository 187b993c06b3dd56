#include "io/model_format.hpp"

namespace nncore::model_format {
namespace {

std::string weights_name(std::size_t l) { return "weights." + std::to_string(l); }
std::string biases_name(std::size_t l) { return "biases." + std::to_string(l); }

}  // namespace

const std::string& MetadataReader::at(const std::string& key) const {
  const auto found = file_.metadata().find(key);
  if (found == file_.metadata().end()) {
    throw ModelFileError(concat(file_.label(), ": the metadata has no entry ", key,
                                "; expected a model written by nncore"));
  }
  return found->second;
}

std::vector<std::string> MetadataReader::items(const std::string& key) const {
  std::vector<std::string> items(1);
  for (const char c : at(key)) {
    if (c == ',') {
      items.emplace_back();
    } else {
      items.back() += c;
    }
  }
  return items;
}

std::vector<std::size_t> MetadataReader::numbers(const std::string& key) const {
  std::vector<std::size_t> numbers;
  for (const std::string& item : items(key)) {
    const std::uint64_t value = number(key, item);
    if (!std::in_range<std::size_t>(value)) {
      throw ModelFileError(concat(file_.label(), ": the metadata entry ", key, " has ", value,
                                  ", which is beyond this machine"));
    }
    numbers.push_back(static_cast<std::size_t>(value));
  }
  return numbers;
}

std::uint64_t MetadataReader::number(const std::string& key, const std::string& digits) const {
  std::uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (error != std::errc{} || stop != end) {
    throw ModelFileError(concat(file_.label(), ": the metadata entry ", key, " has ",
                                tensor_format::shown(digits), "; expected a whole number"));
  }
  return value;
}

template <class T>
void BlockTensors<T>::add(const T* block, const std::string& prefix) {
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Layer& layer = layers_[l];
    const T* w = block + layer.weights_offset;  // (in, out)
    std::vector<T>& rows = transposed_.emplace_back(layer.in * layer.out);
    for (std::size_t k = 0; k < layer.in; ++k) {
      for (std::size_t j = 0; j < layer.out; ++j) rows[j * layer.in + k] = w[k * layer.stride + j];
    }
    views_.push_back({prefix + weights_name(l), dtype_of<T>(), {layer.out, layer.in}, rows.data()});
    views_.push_back(
        {prefix + biases_name(l), dtype_of<T>(), {layer.out}, block + layer.biases_offset});
  }
}

template <class T>
std::vector<LayerTensors<T>> find_block(const TensorFile& file, std::span<const std::size_t> sizes,
                                        const std::string& prefix) {
  std::vector<LayerTensors<T>> found;
  for (std::size_t l = 0; l + 1 < sizes.size(); ++l) {
    const std::size_t in = sizes[l], out = sizes[l + 1];
    const LayerTensors<T>& layer =
        found.emplace_back(LayerTensors<T>{file.tensor<T>(prefix + weights_name(l), {out, in}),
                                           file.tensor<T>(prefix + biases_name(l), {out})});
    for (const auto& [name, tensor] :
         {std::pair(weights_name(l), layer.weights), std::pair(biases_name(l), layer.biases)}) {
      if (!all_finite(tensor.data(), tensor.size())) {
        throw ModelFileError(concat(file.label(), ": tensor ", prefix, name,
                                    " has NaN or infinity; expected finite numbers"));
      }
    }
  }
  return found;
}

template <class T>
void fill_block(std::span<const Layer> layers, std::span<const LayerTensors<T>> found, T* block) {
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const Layer& layer = layers[l];
    T* w = block + layer.weights_offset;  // (in, out)
    for (std::size_t j = 0; j < layer.out; ++j) {
      for (std::size_t k = 0; k < layer.in; ++k) {
        w[k * layer.stride + j] = found[l].weights[j * layer.in + k];
      }
    }
    std::copy(found[l].biases.begin(), found[l].biases.end(), block + layer.biases_offset);
  }
}

Metadata with_extras(Metadata own, const Extras& extras) {
  for (const auto& [key, value] : extras.metadata) {
    if (!own.emplace(key, value).second) {
      throw InvalidArgument("an extra metadata entry is called " + tensor_format::shown(key) +
                            ", which the model itself has");
    }
  }
  return own;
}

#define NNCORE_INSTANTIATE(T)                                               \
  template class BlockTensors<T>;                                           \
  template std::vector<LayerTensors<T>> find_block(                         \
      const TensorFile&, std::span<const std::size_t>, const std::string&); \
  template void fill_block(std::span<const Layer>, std::span<const LayerTensors<T>>, T*);
NNCORE_INSTANTIATE(float)
NNCORE_INSTANTIATE(double)
#undef NNCORE_INSTANTIATE

}  // namespace nncore::model_format
