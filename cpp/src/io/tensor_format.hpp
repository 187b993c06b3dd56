// What the reader and the writer of tensor files share. Not installed.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "io/json.hpp"
#include "nncore/tensor_file.hpp"

namespace nncore::tensor_format {

// The file: the header's length (8 bytes, little-endian), the header (JSON), the data (tensors).
inline constexpr std::size_t length_bytes = 8;
inline constexpr std::uint64_t most_header_bytes = std::uint64_t{16} << 20;
inline constexpr std::string_view metadata_key = "__metadata__";

struct Element {
  DType dtype;
  std::string_view name;
  std::size_t size;
};
inline constexpr std::array<Element, 4> elements = {{
    {DType::f32, "F32", 4},
    {DType::f64, "F64", 8},
    {DType::i64, "I64", 8},
    {DType::u8, "U8", 1},
}};

inline const Element& element_of(DType dtype) {
  return *std::find_if(elements.begin(), elements.end(),
                       [dtype](const Element& element) { return element.dtype == dtype; });
}

// The bytes that a tensor takes; nothing if they are too many to count. A length of 0 hides no
// overflow: the product of the others must be countable too.
inline std::optional<std::size_t> byte_count(DType dtype, std::span<const std::size_t> shape) {
  std::size_t bytes = element_of(dtype).size;
  bool empty = false;
  for (const std::size_t length : shape) {
    empty = empty || length == 0;
    if (length == 0) continue;
    if (bytes > std::numeric_limits<std::size_t>::max() / length) return std::nullopt;
    bytes *= length;
  }
  return empty ? 0 : bytes;
}

// Turns little-endian elements into the machine's own, and back.
inline void swap_if_big_endian(std::span<std::byte> bytes, std::size_t element_size) {
  if constexpr (std::endian::native == std::endian::big) {
    for (; !bytes.empty(); bytes = bytes.subspan(element_size)) {
      std::reverse(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(element_size));
    }
  }
}

// For messages: a text that a file or a caller brought, quoted, escaped and not too long.
inline std::string shown(std::string_view text) {
  constexpr std::size_t most = 80;
  std::size_t kept = 0;
  while (kept < text.size() && kept < most) {
    kept += std::max<std::size_t>(1, json::utf8_length(text.substr(kept)));
  }
  return json::quote(text.substr(0, kept)) + (kept < text.size() ? "..." : "");
}

// For messages: F32 of shape (30, 784).
inline std::string shown(DType dtype, std::span<const std::size_t> shape) {
  constexpr std::size_t most = 8;
  std::string text = std::string(element_of(dtype).name) + " of shape (";
  for (std::size_t i = 0; i < std::min(shape.size(), most); ++i) {
    text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  }
  return text + (shape.size() > most ? ", ...)" : shape.size() == 1 ? ",)" : ")");
}

}  // namespace nncore::tensor_format
