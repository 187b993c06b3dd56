#include "nncore/model_file.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "io/model_format.hpp"
#include "model/hyperparameters.hpp"
#include "model/parameter_access.hpp"

namespace nncore {

using namespace model_format;

namespace {

constexpr const char* format_key = "nncore.format";
constexpr const char* format_version = "1";

template <class Items, class Text>
std::string join(const Items& items, Text text_of) {
  std::string joined;
  for (const auto& item : items) joined += (joined.empty() ? "" : ",") + text_of(item);
  return joined;
}

// Of costs that have any.
constexpr const char* cost_hyperparameters_key = "nncore.cost_hyperparameters";
constexpr const char* cost_list_key = "nncore.cost_list";

// What the locale has between a number and its fraction: files have a point.
std::string decimal_point() {
  char half[16];
  std::snprintf(half, sizeof half, "%.1f", 0.5);
  const std::string text = half;
  return text.substr(1, text.size() - 2);
}

std::string with_point(std::string number, const std::string& from, const std::string& to) {
  const std::size_t at = number.find(from);
  return at == std::string::npos ? number : number.replace(at, from.size(), to);
}

// With 17 digits numbers come back to the bit.
std::string text_of(double number) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.17g", number);
  return with_point(digits, decimal_point(), ".");
}

std::vector<double> read_numbers(const TensorFile& file, const std::string& key) {
  std::vector<double> numbers;
  if (!file.metadata().contains(key)) return numbers;
  for (const std::string& item : MetadataReader(file).items(key)) {
    const std::string text = with_point(item, ".", decimal_point());
    char* end = nullptr;
    const double number = std::strtod(text.c_str(), &end);
    // Only what text_of may have written: strtod also takes spaces, hexadecimal digits and words.
    const bool plain = item.find_first_not_of("0123456789+-.e") == std::string::npos;
    if (!plain || end == text.c_str() || *end != '\0' || !std::isfinite(number)) {
      throw ModelFileError(concat(file.label(), ": the metadata entry ", key, " has ",
                                  tensor_format::shown(item), "; expected a number"));
    }
    numbers.push_back(number);
  }
  return numbers;
}

Architecture read_architecture(const TensorFile& file, const MetadataReader& metadata) {
  Architecture architecture;
  architecture.sizes = metadata.numbers("nncore.sizes");
  for (const std::string& item : metadata.items("nncore.activations")) {
    architecture.activations.push_back(from_name<Activation>(item));
  }
  architecture.cost = from_name<Cost>(metadata.at("nncore.cost"));
  architecture.cost_hyperparameters = read_numbers(file, cost_hyperparameters_key);
  architecture.cost_list = read_numbers(file, cost_list_key);
  check(architecture);
  return architecture;
}

template <class T>
Shared<Network<T>> read_network(const TensorFile& file, const Architecture& architecture,
                                const MetadataReader& metadata) {
  // Every tensor is found and measured before memory is taken for a network of that size.
  const auto found = find_block<T>(file, architecture.sizes, "");
  auto network = std::make_shared<Network<T>>(architecture, metadata.number("nncore.seed"));
  network->set_epoch(metadata.number("nncore.epoch"));
  fill_block<T>(network->layers(), found, ParameterAccess<T>::parameters(*network).data());
  return network;
}

// Calls write with the metadata and tensors of the network's file.
template <class T, class Write>
auto with_content(const Network<T>& network, const Extras& extras, Write write) {
  const typename Network<T>::ReadAccess access(network);
  if (!network.all_finite()) {
    throw InvalidArgument("the network has NaN or infinite parameters; it is not saved");
  }
  BlockTensors<T> tensors(network.layers());
  tensors.add(network.parameters().data(), "");
  tensors.append(extras.tensors);
  return write(with_extras(model_metadata(network), extras), tensors.views());
}

}  // namespace

template <class T>
Metadata model_metadata(const Network<T>& network) {
  const Architecture& architecture = network.architecture();
  Metadata metadata{{format_key, format_version},
                    {"nncore.sizes", join(architecture.sizes,
                                          [](std::size_t size) { return std::to_string(size); })},
                    {"nncore.activations", join(architecture.activations,
                                                [](Activation a) { return std::string(name(a)); })},
                    {"nncore.cost", std::string(name(architecture.cost))},
                    {"nncore.seed", std::to_string(network.seed())},
                    {"nncore.epoch", std::to_string(network.epoch())}};
  // Usual costs need none of these, which versions before them do not know.
  if (architecture.cost_hyperparameters != with_defaults(architecture.cost, {})) {
    metadata.emplace(cost_hyperparameters_key, join(architecture.cost_hyperparameters, text_of));
  }
  if (!architecture.cost_list.empty()) {
    metadata.emplace(cost_list_key, join(architecture.cost_list, text_of));
  }
  return metadata;
}

template <class T>
void save_model(const Network<T>& network, const Path& path, const Extras& extras) {
  with_content(network, extras, [&](const auto& metadata, const auto& tensors) {
    write_tensor_file(path, metadata, tensors);
  });
}

template <class T>
std::vector<std::byte> model_bytes(const Network<T>& network, const Extras& extras) {
  return with_content(network, extras, [&](const auto& metadata, const auto& tensors) {
    return tensor_bytes(metadata, tensors);
  });
}

AnyNetwork model_from(const TensorFile& file) {
  const MetadataReader metadata(file);
  if (metadata.at(format_key) != format_version) {
    throw ModelFileError(concat(file.label(), ": its format is version ",
                                tensor_format::shown(metadata.at(format_key)),
                                "; this nncore reads version ", format_version));
  }
  try {
    const Architecture architecture = read_architecture(file, metadata);
    if (file.at("weights.0").dtype == DType::f64) {
#ifdef NNCORE_NO_FLOAT64
      throw ModelFileError(concat(
          file.label(), ": its parameters are float64, which this build of ", "nncore has not"));
#else
      return read_network<double>(file, architecture, metadata);
#endif
    }
    return read_network<float>(file, architecture, metadata);
  } catch (const InvalidArgument& error) {
    throw ModelFileError(concat(file.label(), ": ", error.what()));
  }
}

AnyNetwork load_model(const Path& path) { return model_from(read_tensor_file(path)); }

template <class T>
Shared<Network<T>> model_from(const TensorFile& file) {
  const AnyNetwork any = model_from(file);
  if (const auto* network = std::get_if<Shared<Network<T>>>(&any)) return *network;
  constexpr bool single = std::is_same_v<T, float>;
  throw ModelFileError(concat(file.label(), ": its parameters are ", single ? "float64" : "float32",
                              "; expected ", single ? "float32" : "float64"));
}

template <class T>
Shared<Network<T>> load_model(const Path& path) {
  return model_from<T>(read_tensor_file(path));
}

#define NNCORE_INSTANTIATE(T)                                              \
  template Shared<Network<T>> model_from(const TensorFile&);               \
  template Shared<Network<T>> load_model(const Path&);                     \
  template Metadata model_metadata(const Network<T>&);                     \
  template void save_model(const Network<T>&, const Path&, const Extras&); \
  template std::vector<std::byte> model_bytes(const Network<T>&, const Extras&);
NNCORE_INSTANTIATE(float)
#ifndef NNCORE_NO_FLOAT64
NNCORE_INSTANTIATE(double)
#endif
#undef NNCORE_INSTANTIATE

}  // namespace nncore
