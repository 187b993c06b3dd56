// Feeds the reader of IDX files any bytes: it must refuse them with a DataFileError, or give an
// array whose elements are all there.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "nncore/idx.hpp"

namespace {

template <class T>
std::size_t read_bytes(const nncore::IdxArray& array) {
  const auto elements = array.elements<T>();
  const std::vector<T> copy(elements.begin(), elements.end());
  return copy.size() * sizeof(T);
}

std::size_t read_bytes(const nncore::IdxArray& array) {
  switch (array.type) {
    case nncore::IdxType::u8:
      return read_bytes<std::uint8_t>(array);
    case nncore::IdxType::i8:
      return read_bytes<std::int8_t>(array);
    case nncore::IdxType::i16:
      return read_bytes<std::int16_t>(array);
    case nncore::IdxType::i32:
      return read_bytes<std::int32_t>(array);
    case nncore::IdxType::f32:
      return read_bytes<float>(array);
    case nncore::IdxType::f64:
      return read_bytes<double>(array);
  }
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto array = nncore::parse_idx(std::as_bytes(std::span(data, size)), "fuzz");
    if (4 + 4 * array.shape.size() + read_bytes(array) != size) std::abort();
  } catch (const nncore::DataFileError&) {
  }
  return 0;
}
