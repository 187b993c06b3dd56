#include "nncore/model_file.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

#include "check.hpp"
#include "tensor_format.hpp"

namespace nncore {
namespace {

constexpr const char* format_key = "nncore.format";
constexpr const char* format_version = "1";

std::string weights_name(std::size_t l) { return "weights." + std::to_string(l); }
std::string biases_name(std::size_t l) { return "biases." + std::to_string(l); }

template <class Items, class Text>
std::string join(const Items& items, Text text_of) {
  std::string joined;
  for (const auto& item : items) joined += (joined.empty() ? "" : ",") + text_of(item);
  return joined;
}

std::vector<std::string> split(const std::string& joined) {
  std::vector<std::string> items(1);
  for (const char c : joined) {
    if (c == ',') {
      items.emplace_back();
    } else {
      items.back() += c;
    }
  }
  return items;
}

// Reads what model_metadata wrote; every fault names the file and the entry.
class Metadata {
 public:
  explicit Metadata(const TensorFile& file) : file_(file) {}

  const std::string& at(const std::string& key) const {
    const auto found = file_.metadata().find(key);
    if (found == file_.metadata().end()) {
      throw ModelFileError(text(file_.label(), ": the metadata has no entry ", key,
                                "; expected a model written by nncore"));
    }
    return found->second;
  }

  std::uint64_t number(const std::string& key) const { return number(key, at(key)); }

  std::vector<std::size_t> numbers(const std::string& key) const {
    std::vector<std::size_t> result;
    for (const std::string& item : split(at(key))) result.push_back(number(key, item));
    return result;
  }

 private:
  std::uint64_t number(const std::string& key, const std::string& digits) const {
    std::uint64_t value = 0;
    const char* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value);
    if (error != std::errc{} || stop != end) {
      throw ModelFileError(text(file_.label(), ": the metadata entry ", key, " has ",
                                tensor_format::shown(digits), "; expected a whole number"));
    }
    return value;
  }

  const TensorFile& file_;
};

Architecture read_architecture(const Metadata& metadata) {
  Architecture architecture;
  architecture.sizes = metadata.numbers("nncore.sizes");
  for (const std::string& item : split(metadata.at("nncore.activations"))) {
    architecture.activations.push_back(from_name<Activation>(item));
  }
  architecture.cost = from_name<Cost>(metadata.at("nncore.cost"));
  check(architecture);
  return architecture;
}

template <class T>
std::shared_ptr<Network<T>> read_network(const TensorFile& file, const Architecture& architecture,
                                         const Metadata& metadata) {
  // Every tensor is found and measured before memory is taken for a network of that size.
  std::vector<std::span<const T>> weights, biases;
  for (std::size_t l = 0; l + 1 < architecture.sizes.size(); ++l) {
    const std::size_t in = architecture.sizes[l], out = architecture.sizes[l + 1];
    weights.push_back(file.tensor<T>(weights_name(l), {out, in}));
    biases.push_back(file.tensor<T>(biases_name(l), {out}));
    if (!all_finite(weights[l].data(), weights[l].size()) ||
        !all_finite(biases[l].data(), biases[l].size())) {
      throw ModelFileError(
          text(file.label(), ": layer ", l, " has NaN or infinity; expected finite parameters"));
    }
  }
  auto network = std::make_shared<Network<T>>(architecture, metadata.number("nncore.seed"));
  network->set_epoch(metadata.number("nncore.epoch"));
  for (std::size_t l = 0; l < weights.size(); ++l) {
    const MatrixView<T> w = network->weights(l);  // (in, out)
    for (std::size_t j = 0; j < w.cols; ++j) {
      for (std::size_t k = 0; k < w.rows; ++k) w.row(k)[j] = weights[l][j * w.rows + k];
    }
    std::copy(biases[l].begin(), biases[l].end(), network->biases(l).begin());
  }
  return network;
}

}  // namespace

template <class T>
std::map<std::string, std::string> model_metadata(const Network<T>& network) {
  const Architecture& architecture = network.architecture();
  return {{format_key, format_version},
          {"nncore.sizes",
           join(architecture.sizes, [](std::size_t size) { return std::to_string(size); })},
          {"nncore.activations",
           join(architecture.activations, [](Activation a) { return std::string(name(a)); })},
          {"nncore.cost", std::string(name(architecture.cost))},
          {"nncore.seed", std::to_string(network.seed())},
          {"nncore.epoch", std::to_string(network.epoch())}};
}

template <class T>
void save_model(const Network<T>& network, const std::filesystem::path& path) {
  const typename Network<T>::ReadAccess access(network);
  if (!network.all_finite()) {
    throw InvalidArgument("the network has NaN or infinite parameters; it is not saved");
  }
  std::vector<std::vector<T>> unpadded;  // (out, in), as the file has them
  std::vector<TensorView> tensors;
  for (std::size_t l = 0; l < network.layers().size(); ++l) {
    const MatrixView<const T> w = network.weights(l);  // (in, out)
    std::vector<T>& rows = unpadded.emplace_back(w.rows * w.cols);
    for (std::size_t k = 0; k < w.rows; ++k) {
      for (std::size_t j = 0; j < w.cols; ++j) rows[j * w.rows + k] = w.row(k)[j];
    }
    tensors.push_back({weights_name(l), dtype_of<T>(), {w.cols, w.rows}, rows.data()});
    tensors.push_back({biases_name(l), dtype_of<T>(), {w.cols}, network.biases(l).data()});
  }
  write_tensor_file(path, model_metadata(network), tensors);
}

AnyNetwork model_from(const TensorFile& file) {
  const Metadata metadata(file);
  if (metadata.at(format_key) != format_version) {
    throw ModelFileError(text(file.label(), ": its format is version ",
                              tensor_format::shown(metadata.at(format_key)),
                              "; this nncore reads version ", format_version));
  }
  try {
    const Architecture architecture = read_architecture(metadata);
    if (file.at(weights_name(0)).dtype == DType::f64) {
      return read_network<double>(file, architecture, metadata);
    }
    return read_network<float>(file, architecture, metadata);
  } catch (const InvalidArgument& error) {
    throw ModelFileError(text(file.label(), ": ", error.what()));
  }
}

AnyNetwork load_model(const std::filesystem::path& path) {
  return model_from(read_tensor_file(path));
}

template std::map<std::string, std::string> model_metadata(const Network<float>&);
template std::map<std::string, std::string> model_metadata(const Network<double>&);
template void save_model(const Network<float>&, const std::filesystem::path&);
template void save_model(const Network<double>&, const std::filesystem::path&);

}  // namespace nncore
