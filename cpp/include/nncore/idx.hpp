// IDX files, the format of MNIST: two zero bytes, a type, a number of dimensions, the size of each
// (4 bytes), then the elements row by row, all big-endian.
// Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits".
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "nncore/error.hpp"
#include "nncore/path.hpp"

#pragma GCC visibility push(default)
namespace nncore {

// The numbers that stand for the element types in a file.
enum class IdxType : std::uint8_t {
  u8 = 0x08,
  i8 = 0x09,
  i16 = 0x0B,
  i32 = 0x0C,
  f32 = 0x0D,
  f64 = 0x0E,
};

// uint8, int8, int16, int32, float32 or float64.
std::string_view name(IdxType type) noexcept;

// The IdxType of an element's C++ type.
template <class T>
constexpr IdxType idx_type_of() noexcept {
  if constexpr (std::is_same_v<T, std::uint8_t>) return IdxType::u8;
  if constexpr (std::is_same_v<T, std::int8_t>) return IdxType::i8;
  if constexpr (std::is_same_v<T, std::int16_t>) return IdxType::i16;
  if constexpr (std::is_same_v<T, std::int32_t>) return IdxType::i32;
  if constexpr (std::is_same_v<T, float>) return IdxType::f32;
  if constexpr (std::is_same_v<T, double>) return IdxType::f64;
}

inline constexpr std::size_t max_idx_dimensions = 32;
// The longest header: this many bytes of a file hold it for certain.
inline constexpr std::size_t max_idx_header = 4 + 4 * max_idx_dimensions;

// What the start of a file says of the rest.
struct IdxHeader {
  IdxType type = IdxType::u8;
  std::vector<std::size_t> shape;
  std::size_t header_bytes = 0;
  std::size_t data_bytes = 0;  // that follow the header; 2^63 - 1 stands for more than can be
};

// For messages: 64 bytes (2 x 3 x 4 int16 and a header of 16).
std::string describe(const IdxHeader& header);

// An array with elements in the machine's byte order, row-major.
struct IdxArray {
  IdxType type = IdxType::u8;
  std::vector<std::size_t> shape;  // one dimension or more
  std::vector<std::byte> data;

  // The elements, which live as long as `data`. T is the C++ type that `type` stands for, else
  // DataFileError.
  template <class T>
  std::span<const T> elements() const {
    if (idx_type_of<T>() != type) {
      throw DataFileError("the array is " + std::string(name(type)) + ", not " +
                          std::string(name(idx_type_of<T>())));
    }
    return {reinterpret_cast<const T*>(data.data()), data.size() / sizeof(T)};
  }
};

// Reads the header from a file's first bytes (max_idx_header of them, or all there are). label
// stands for the file in messages. Throws DataFileError if it is no sound header.
IdxHeader parse_idx_header(std::span<const std::byte> start, const std::string& label);

// Reads a whole file from memory, or from a path. Nothing a header says is believed before the
// bytes are found to be there: memory is taken for these alone. Compressed files are refused.
// Throws DataFileError, which names the file, what was expected and what was found.
IdxArray parse_idx(std::span<const std::byte> bytes, const std::string& label);
IdxArray read_idx(const Path& path);

}  // namespace nncore
#pragma GCC visibility pop
