#include "model/augmentation.hpp"

#include <cmath>

#include "data/check.hpp"

namespace nncore {
namespace {

bool is_in_range(const AugmentationNumber& n, double value) {
  return value >= n.low && value <= n.high;
}

void check_range(const AugmentationNumber& n, double value) {
  if (is_in_range(n, value)) return;
  throw InvalidArgument(
      concat("the augmentation's ", n.name, " is ", value, "; expected ", n.low, " to ", n.high));
}

// The side of a square of so many pixels; 0 if there is none.
std::size_t side_of(std::size_t pixels) {
  auto side = static_cast<std::size_t>(std::sqrt(static_cast<double>(pixels)) + 0.5);
  return side * side == pixels ? side : 0;
}

}  // namespace

Augmentation of_size(Augmentation a, std::size_t inputs) {
  if (a.height == 0 && a.width == 0 && a.channels > 0 && inputs % a.channels == 0) {
    a.height = a.width = side_of(inputs / a.channels);
  }
  return a;
}

bool set_number(Augmentation& augmentation, std::string_view name, double value) {
  for (const AugmentationNumber& n : augmentation_numbers) {
    if (n.name != name) continue;
    check_range(n, value);
    augmentation.*n.member = value;
    return true;
  }
  for (const AugmentationSize& size : augmentation_sizes) {
    if (size.name != name) continue;
    if (!(value >= 0 && value <= 0x1p28) || value != std::floor(value)) {
      throw InvalidArgument(concat("the augmentation's ", name, " is ", value,
                                   "; expected a whole number, 0 or more"));
    }
    augmentation.*size.member = static_cast<std::size_t>(value);
    return true;
  }
  return false;
}

bool distorts(const Augmentation& a) noexcept {
  return a.elastic > 0 || a.rotation > 0 || a.scaling > 0 || a.shear > 0 || a.shift > 0 ||
         a.thinner > 0 || a.thicker > 0 || a.noise > 0;
}

void check(const Augmentation& given, std::size_t inputs) {
  for (const AugmentationNumber& n : augmentation_numbers) check_range(n, given.*n.member);
  if (!distorts(given)) return;
  const Augmentation a = of_size(given, inputs);
  if (given.height == 0 && given.width == 0 && a.height == 0) {
    throw InvalidArgument(concat("the augmentation has no image size, and rows of ", inputs,
                                 " inputs are no square images of ", a.channels,
                                 a.channels == 1 ? " channel" : " channels",
                                 "; expected a height and a width"));
  }
  const double pixels = static_cast<double>(a.height) * static_cast<double>(a.width);
  const bool fits = pixels * static_cast<double>(a.channels) == static_cast<double>(inputs);
  constexpr double most_pixels = 1 << 24, most_inputs = 1 << 28;  // offsets fit into 32 bits
  if (fits && (pixels > most_pixels || static_cast<double>(inputs) > most_inputs)) {
    throw InvalidArgument(concat("images of ", inputs,
                                 " elements are too large to be distorted; "
                                 "expected at most ",
                                 1 << 24, " pixels"));
  }
  if (!fits) {
    throw InvalidArgument(concat("the augmentation is of images ", a.height, " x ", a.width, " x ",
                                 a.channels, " (height, width, channels); a row has ", inputs,
                                 " inputs"));
  }
}

}  // namespace nncore
