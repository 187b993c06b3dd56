// What model files and checkpoints share: metadata entries, and blocks laid out as a network's
// parameters as tensors of a file. Not installed.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/check.hpp"
#include "io/tensor_format.hpp"
#include "nncore/model_file.hpp"

namespace nncore::model_format {

// Reads the metadata that nncore wrote; every fault names the file and the entry.
class MetadataReader {
 public:
  explicit MetadataReader(const TensorFile& file) : file_(file) {}

  const std::string& at(const std::string& key) const;
  std::uint64_t number(const std::string& key) const { return number(key, at(key)); }
  // Separated by commas.
  std::vector<std::size_t> numbers(const std::string& key) const;
  std::vector<std::string> items(const std::string& key) const;

 private:
  std::uint64_t number(const std::string& key, const std::string& digits) const;

  const TensorFile& file_;
};

// The tensors prefix + weights.0 (out, in), prefix + biases.0 (out,), ... of blocks that are laid
// out as a network's parameters. The views live as long as this object.
template <class T>
class BlockTensors {
 public:
  explicit BlockTensors(std::span<const Layer> layers) : layers_(layers) {}

  void add(const T* block, const std::string& prefix);
  const std::vector<TensorView>& views() const { return views_; }

  // Puts the views of others behind.
  void append(std::span<const TensorView> others) {
    views_.insert(views_.end(), others.begin(), others.end());
  }

 private:
  std::span<const Layer> layers_;
  std::vector<std::vector<T>> transposed_;  // (out, in), as the file has them
  std::vector<TensorView> views_;
};

template <class T>
struct LayerTensors {
  std::span<const T> weights, biases;
};

// The same tensors in a file, each found and measured. Throws ModelFileError for one that is
// missing, of another dtype or shape, or not finite.
template <class T>
std::vector<LayerTensors<T>> find_block(const TensorFile& file, std::span<const std::size_t> sizes,
                                        const std::string& prefix);

template <class T>
void fill_block(std::span<const Layer> layers, std::span<const LayerTensors<T>> found, T* block);

// `own` and what the extras add. Throws InvalidArgument for an entry of the same name.
Metadata with_extras(Metadata own, const Extras& extras);

}  // namespace nncore::model_format
