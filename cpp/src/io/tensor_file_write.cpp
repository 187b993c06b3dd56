#include <algorithm>
#include <array>
#include <bit>
#include <list>
#include <utility>

#include "io/json.hpp"
#include "io/path.hpp"
#include "io/tensor_format.hpp"
#include "nncore/error.hpp"
#include "nncore/files.hpp"
#include "nncore/tensor_file.hpp"

namespace nncore {

using namespace tensor_format;

namespace {

// text as a JSON string.
std::string json_string(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = json::utf8_length(text.substr(i));
    if (length == 0) throw InvalidArgument(shown(text) + " cannot be stored: it is not UTF-8");
    i += length;
  }
  return json::quote(text);
}

std::size_t size_of(const TensorView& tensor) {
  const auto bytes = byte_count(tensor.dtype, tensor.shape);
  if (!bytes || (*bytes > 0 && tensor.data == nullptr)) {
    throw InvalidArgument("tensor " + shown(tensor.name) + ", " +
                          shown(tensor.dtype, tensor.shape) +
                          (bytes ? ", has no data" : ", has a size that overflows"));
  }
  return *bytes;
}

// Larger elements first, so that every tensor in the file starts at a multiple of its element's
// size; then by name.
std::vector<const TensorView*> in_file_order(std::span<const TensorView> tensors) {
  std::vector<const TensorView*> order;
  for (const TensorView& tensor : tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(),
            [](const auto* a, const auto* b) { return a->name < b->name; });
  const auto twin = std::adjacent_find(
      order.begin(), order.end(), [](const auto* a, const auto* b) { return a->name == b->name; });
  if (twin != order.end()) {
    throw InvalidArgument("two tensors are called " + shown((*twin)->name));
  }
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return element_of(a->dtype).size > element_of(b->dtype).size;
  });
  return order;
}

std::string format_entry(const TensorView& tensor, std::size_t begin, std::size_t end) {
  if (tensor.name == metadata_key) {
    throw InvalidArgument("no tensor may be called " + shown(metadata_key));
  }
  std::string shape;
  for (const std::size_t length : tensor.shape) {
    shape += (shape.empty() ? "" : ",") + std::to_string(length);
  }
  return json_string(tensor.name) + ":{\"dtype\":\"" + std::string(element_of(tensor.dtype).name) +
         "\",\"shape\":[" + shape + "],\"data_offsets\":[" + std::to_string(begin) + "," +
         std::to_string(end) + "]}";
}

std::string format_metadata(const Metadata& metadata) {
  std::string members;
  for (const auto& [key, value] : metadata) {
    members += (members.empty() ? "" : ",") + json_string(key) + ":" + json_string(value);
  }
  return json_string(metadata_key) + ":{" + members + "}";
}

// The header and the length in front of it.
std::string format_header(const Metadata& metadata, std::span<const TensorView* const> order) {
  std::string header = "{";
  if (!metadata.empty()) header += format_metadata(metadata);
  std::size_t position = 0;
  for (const TensorView* tensor : order) {
    const std::size_t end = position + size_of(*tensor);
    header += (header.size() > 1 ? "," : "") + format_entry(*tensor, position, end);
    position = end;
  }
  header += '}';
  header.resize((header.size() + 7) / 8 * 8, ' ');
  if (header.size() > most_header_bytes) {
    throw InvalidArgument("the header would take " + std::to_string(header.size()) +
                          " bytes; at most " + std::to_string(most_header_bytes) +
                          " are read back");
  }
  std::string length;
  const std::uint64_t bytes = header.size();  // std::size_t may have fewer bits than are written
  for (std::size_t i = 0; i < length_bytes; ++i) {
    length += static_cast<char>(bytes >> (8 * i) & 0xff);
  }
  return length + header;
}

// Calls write with the pieces that make the file, one after the other.
template <class Write>
void with_pieces(const Metadata& metadata, std::span<const TensorView> tensors, Write write) {
  const auto order = in_file_order(tensors);
  const std::string header = format_header(metadata, order);
  std::vector<std::span<const std::byte>> pieces = {std::as_bytes(std::span(header))};
  std::list<std::vector<std::byte>> swapped;
  for (const TensorView* tensor : order) {
    const std::span bytes(static_cast<const std::byte*>(tensor->data), size_of(*tensor));
    pieces.push_back(bytes);
    if constexpr (std::endian::native == std::endian::big) {
      pieces.back() = swapped.emplace_back(bytes.begin(), bytes.end());
      swap_if_big_endian(swapped.back(), element_of(tensor->dtype).size);
    }
  }
  write(pieces);
}

}  // namespace

void write_tensor_file(const Path& path, const Metadata& metadata,
                       std::span<const TensorView> tensors) {
  with_pieces(metadata, tensors, [&](std::span<const std::span<const std::byte>> pieces) {
    try {
      replace_file(path, pieces);
    } catch (const FileError& error) {
      throw ModelFileError(path_text(path) + ": " + error.what());
    }
  });
}

std::vector<std::byte> tensor_bytes(const Metadata& metadata, std::span<const TensorView> tensors) {
  std::vector<std::byte> bytes;
  with_pieces(metadata, tensors, [&](std::span<const std::span<const std::byte>> pieces) {
    for (const auto& piece : pieces) bytes.insert(bytes.end(), piece.begin(), piece.end());
  });
  return bytes;
}

}  // namespace nncore
