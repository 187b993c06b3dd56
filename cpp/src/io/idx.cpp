#include "nncore/idx.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <limits>

#include "data/check.hpp"
#include "io/input_file.hpp"
#include "io/path.hpp"
#include "io/tensor_format.hpp"

namespace nncore {
namespace {

struct IdxElement {
  IdxType type;
  std::string_view name;
  std::size_t size;
};
constexpr std::array<IdxElement, 6> idx_elements = {{
    {IdxType::u8, "uint8", 1},
    {IdxType::i8, "int8", 1},
    {IdxType::i16, "int16", 2},
    {IdxType::i32, "int32", 4},
    {IdxType::f32, "float32", 4},
    {IdxType::f64, "float64", 8},
}};

const IdxElement* idx_element(std::uint8_t code) {
  const auto found = std::find_if(idx_elements.begin(), idx_elements.end(), [&](const auto& e) {
    return static_cast<std::uint8_t>(e.type) == code;
  });
  return found == idx_elements.end() ? nullptr : &*found;
}

std::string hex(std::span<const std::byte> bytes) {
  std::string digits;
  for (const std::byte b : bytes) {
    char two[4];
    std::snprintf(two, sizeof two, "%02x", std::to_integer<unsigned>(b));
    digits += (digits.empty() ? "" : " ") + std::string(two);
  }
  return digits.empty() ? "an empty file" : digits;
}

std::string by(std::span<const std::size_t> shape) {
  std::string product;
  for (const std::size_t size : shape) {
    product += (product.empty() ? "" : " x ") + std::to_string(size);
  }
  return product;
}

// No file has more bytes of elements.
constexpr auto byte_limit = static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max());

// The bytes of all elements, or byte_limit if they are more.
std::size_t count_bytes(std::span<const std::size_t> shape, std::size_t element,
                        const std::string& label) {
  const bool empty = std::find(shape.begin(), shape.end(), 0) != shape.end();
  std::size_t bytes = element;
  for (const std::size_t size : shape) {
    if (size == 0) continue;
    if (size > byte_limit / bytes) {
      if (!empty) return byte_limit;
      throw DataFileError(
          concat(label, ": expected a shape that fits in memory, found ", by(shape)));
    }
    bytes *= size;
  }
  return empty ? 0 : bytes;
}

void check_length(const IdxHeader& header, std::uintmax_t found, const std::string& label) {
  const std::uintmax_t expected = std::uintmax_t{header.header_bytes} + header.data_bytes;
  if (found == expected) return;
  throw DataFileError(concat(label, found < expected ? ": truncated" : ": trailing bytes",
                             ": expected ", describe(header), ", found ", found, " bytes"));
}

// Big-endian elements become the machine's own.
void to_native(std::span<std::byte> data, std::size_t element) {
  if constexpr (std::endian::native == std::endian::little) {
    for (; !data.empty(); data = data.subspan(element)) {
      std::reverse(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(element));
    }
  }
}

}  // namespace

std::string_view name(IdxType type) noexcept {
  const IdxElement* element = idx_element(static_cast<std::uint8_t>(type));
  return element ? element->name : "unknown";
}

std::string describe(const IdxHeader& header) {
  return concat(header.data_bytes == byte_limit ? "more than " : "",
                std::uintmax_t{header.header_bytes} + header.data_bytes, " bytes (",
                by(header.shape), " ", name(header.type), " and a header of ", header.header_bytes,
                ")");
}

IdxHeader parse_idx_header(std::span<const std::byte> start, const std::string& label) {
  const auto magic = start.first(std::min<std::size_t>(4, start.size()));
  const IdxElement* element =
      magic.size() == 4 ? idx_element(std::to_integer<std::uint8_t>(magic[2])) : nullptr;
  if (!element || magic[0] != std::byte{0} || magic[1] != std::byte{0} ||
      magic[3] == std::byte{0}) {
    const bool gzip =
        magic.size() >= 2 && magic[0] == std::byte{0x1f} && magic[1] == std::byte{0x8b};
    throw DataFileError(concat(label,
                               ": expected an IDX file, which begins with two zero bytes, a type "
                               "(08, 09, 0b, 0c, 0d or 0e) and a number of dimensions, found ",
                               hex(magic), gzip ? ", which is gzip's: decompress it first" : ""));
  }
  const auto dimensions = std::to_integer<std::size_t>(magic[3]);
  if (dimensions > max_idx_dimensions) {
    throw DataFileError(concat(label, ": expected at most ", max_idx_dimensions,
                               " dimensions, found ", dimensions));
  }
  IdxHeader header{.type = element->type, .shape = {}, .header_bytes = 4 + 4 * dimensions};
  if (start.size() < header.header_bytes) {
    throw DataFileError(concat(label, ": truncated: expected a header of ", header.header_bytes,
                               " bytes, found ", start.size()));
  }
  for (std::size_t d = 0; d < dimensions; ++d) {
    std::uint32_t size = 0;
    for (const std::byte b : start.subspan(4 + 4 * d, 4)) {
      size = size << 8 | std::to_integer<std::uint32_t>(b);
    }
    header.shape.push_back(size);
  }
  header.data_bytes = count_bytes(header.shape, element->size, label);
  return header;
}

IdxArray parse_idx(std::span<const std::byte> bytes, const std::string& label) {
  const IdxHeader header = parse_idx_header(bytes, label);
  check_length(header, bytes.size(), label);
  const auto data = bytes.subspan(header.header_bytes);
  IdxArray array{header.type, header.shape, {data.begin(), data.end()}};
  to_native(array.data, idx_element(static_cast<std::uint8_t>(header.type))->size);
  return array;
}

IdxArray read_idx(const Path& path) {
  const std::string label = path_text(path);
  InputFile file(
      path, {"found a directory", "found no regular file", "cannot open it", "cannot read it"});
  if (!file.problem().empty()) {
    throw DataFileError(label + ": expected an IDX file, " + file.problem());
  }
  const auto read = [&](std::span<std::byte> bytes) {
    if (!bytes.empty() && !file.read(bytes)) {
      throw DataFileError(concat(label, ": cannot read ", bytes.size(), " of its bytes"));
    }
  };
  std::vector<std::byte> start(
      static_cast<std::size_t>(std::min<std::uint64_t>(file.size(), max_idx_header)));
  read(start);
  const IdxHeader header = parse_idx_header(start, label);
  check_length(header, file.size(), label);
  IdxArray array{header.type, header.shape, std::vector<std::byte>(header.data_bytes)};
  file.go_to(header.header_bytes);
  read(array.data);
  to_native(array.data, idx_element(static_cast<std::uint8_t>(header.type))->size);
  return array;
}

}  // namespace nncore
