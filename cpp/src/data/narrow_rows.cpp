#include "data/narrow_rows.hpp"

#include <bit>
#include <cstdint>

namespace nncore {
namespace {

// IEEE half precision. Infinity and NaN are refused before.
float half_to_float(std::uint16_t half) {
  const std::uint32_t magnitude = half & 0x7fffu, sign = std::uint32_t{half & 0x8000u} << 16;
  const float normal = std::bit_cast<float>((magnitude << 13) + (112u << 23));
  const float subnormal = static_cast<float>(static_cast<std::int32_t>(magnitude)) * 0x1p-24f;
  const float value = magnitude < 0x400u ? subnormal : normal;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) | sign);
}

template <class E>
const E* row_of(const NarrowRows& x, std::size_t i) {
  return static_cast<const E*>(x.data) + i * x.stride;
}

// By way of double, so that scale * e + offset is rounded to T once.
template <class T>
T scaled(const NarrowRows& x, double element) {
  return static_cast<T>(element * x.scale + x.offset);
}

}  // namespace

template <class T>
void widen_row(const NarrowRows& x, std::size_t i, T* to) {
  if (x.type == NarrowType::uint8) {
    const auto* from = row_of<std::uint8_t>(x, i);
    for (std::size_t j = 0; j < x.cols; ++j) to[j] = scaled<T>(x, static_cast<double>(from[j]));
  } else {
    const auto* from = row_of<std::uint16_t>(x, i);
    for (std::size_t j = 0; j < x.cols; ++j) to[j] = scaled<T>(x, half_to_float(from[j]));
  }
}

template <class T>
std::array<T, 256> byte_values(const NarrowRows& x) {
  std::array<T, 256> values;
  for (std::size_t byte = 0; byte < values.size(); ++byte) {
    values[byte] = scaled<T>(x, static_cast<double>(byte));
  }
  return values;
}

bool all_finite_row(const NarrowRows& x, std::size_t i) {
  if (x.type == NarrowType::uint8) return true;
  const auto* from = row_of<std::uint16_t>(x, i);
  bool finite = true;
  for (std::size_t j = 0; j < x.cols; ++j) finite &= (from[j] & 0x7c00u) != 0x7c00u;
  return finite;
}

template void widen_row(const NarrowRows&, std::size_t, float*);
template void widen_row(const NarrowRows&, std::size_t, double*);
template std::array<float, 256> byte_values(const NarrowRows&);
template std::array<double, 256> byte_values(const NarrowRows&);

}  // namespace nncore
