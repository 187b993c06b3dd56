// Named tensors in a safetensors file (https://github.com/huggingface/safetensors): what model
// files are made of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "nncore/metadata.hpp"
#include "nncore/path.hpp"
#include "nncore/shared.hpp"

#pragma GCC visibility push(default)
namespace nncore {

// The element types that nncore writes, and the only ones it reads.
enum class DType { f32, f64, i64, u8 };

// The DType of float, double, std::int64_t or std::uint8_t.
template <class T>
constexpr DType dtype_of() noexcept {
  if constexpr (std::is_same_v<T, float>) {
    return DType::f32;
  } else if constexpr (std::is_same_v<T, double>) {
    return DType::f64;
  } else if constexpr (std::is_same_v<T, std::int64_t>) {
    return DType::i64;
  } else {
    static_assert(std::is_same_v<T, std::uint8_t>, "no DType stands for this type");
    return DType::u8;
  }
}

// A tensor whose elements lie elsewhere: contiguous, row-major, in the machine's byte order.
// The shape () is one element. data may be null if there is no element.
struct TensorView {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::size_t> shape;
  const void* data = nullptr;
};

// The content of a file that was read whole and found to be sound. It never changes: any number of
// threads may read it. Copies share the tensors' memory.
class TensorFile {
 public:
  // What the file is called in messages: its path.
  const std::string& label() const noexcept { return label_; }
  const Metadata& metadata() const noexcept { return metadata_; }

  // Sorted by their bytes.
  std::vector<std::string> names() const;
  bool contains(std::string_view name) const noexcept { return find(name) != nullptr; }

  // The data of each tensor starts at a multiple of 64 bytes and lives as long as the TensorFile or
  // any copy of it. Throws ModelFileError if there is no such tensor.
  const TensorView& at(std::string_view name) const;

  // The elements of a tensor, row-major. Throws ModelFileError if there is no such tensor or if it
  // has another dtype or shape.
  template <class T>
  std::span<const T> tensor(std::string_view name, const std::vector<std::size_t>& shape) const {
    std::size_t count = 1;
    for (const std::size_t length : shape) count *= length;
    return {static_cast<const T*>(at(name, dtype_of<T>(), shape).data), count};
  }

 private:
  friend class TensorFileParser;
  TensorFile() = default;
  const TensorView* find(std::string_view name) const noexcept;
  const TensorView& at(std::string_view name, DType dtype,
                       const std::vector<std::size_t>& shape) const;

  std::string label_;
  Metadata metadata_;
  std::vector<TensorView> tensors_;  // sorted by name
  Shared<std::byte> storage_;
};

// Reads a file, checking everything before it is believed: memory is only taken for bytes that are
// really there. Throws ModelFileError, which names the file and the fault, for any file that is not
// sound: also for one with duplicate or unknown keys, with bytes that belong to no tensor, or with
// a dtype that DType lacks.
TensorFile read_tensor_file(const Path& path);

// The same from memory; label stands for the path in messages.
TensorFile parse_tensor_bytes(std::span<const std::byte> bytes, const std::string& label);

// Writes a file whole or not at all: a file that was there is replaced in one step, or not touched.
// Equal contents give equal bytes, whatever the order of tensors. Throws InvalidArgument for names
// that come twice, are reserved or are not UTF-8, and for a header beyond 16 MiB; ModelFileError if
// the file cannot be written.
void write_tensor_file(const Path& path, const Metadata& metadata,
                       std::span<const TensorView> tensors);

// The bytes of that file. Throws InvalidArgument as above.
std::vector<std::byte> tensor_bytes(const Metadata& metadata, std::span<const TensorView> tensors);

}  // namespace nncore
#pragma GCC visibility pop
