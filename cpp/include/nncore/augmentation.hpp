// Distortions of images, drawn anew for each row in each epoch, while a network is trained: elastic
// fields, rotation, scaling, shear, shifts, thickness and noise.
//
//   TrainOptions options{.batch_size = 128, .optimizer = Optimizer::adam};
//   options.augmentation = {.elastic = 36, .rotation = 15, .scaling = 0.15};
//   Trainer<float> trainer(network, options);
//
// What a row becomes depends on the network's seed, the epoch and the row's number alone: the bits
// are the same at any number of threads and on every instruction set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "nncore/matrix.hpp"

#pragma GCC visibility push(default)
namespace nncore {

// How far images are distorted; all zero for not at all. A row of inputs is an image (height,
// width, channels), row by row.
//
// The strokes come first, which is an erosion or a dilation by a disc of one pixel's radius, as
// often as the thickness drawn says, the last one in part. Then the image is taken from elsewhere,
// all moves in one: scaled, sheared, turned about its middle, shifted and bent; between pixels
// bilinearly. Noise comes last.
struct Augmentation {
  std::size_t height = 0, width = 0;  // 0 and 0 for a square
  std::size_t channels = 1;

  // Simard, Steinkraus and Platt (2003): displacements that are random numbers, uniform between -1
  // and 1, smoothed by a Gaussian of `sigma` pixels, times `elastic`, their alpha. They have the
  // standard deviation 0.163 elastic / sigma pixels, each way. The random numbers lie on a grid of
  // sigma pixels, which gives displacements of the same covariance, to one part in a thousand.
  double elastic = 0;
  double sigma = 6;
  double rotation = 0;  // at most so many degrees, either way
  double scaling = 0;   // factors between 1 - scaling and 1 + scaling, of height and width apart
  double shear = 0;     // columns a row, at most, either way
  double shift = 0;     // pixels at most, in each direction
  // How many pixels dark grows into bright, or bright into dark, from each side, at most.
  double thinner = 0;
  double thicker = 0;
  // The standard deviation of what is added to each element. It is a sum of four uniform numbers,
  // and so nearly normal, within 3.45 standard deviations.
  double noise = 0;
  // What lies outside of the image, unless `nearest` says 1: then the pixel at the edge. Noise and
  // this are in the units of x's elements, before narrow ones are scaled.
  double fill = 0;
  double nearest = 0;

  bool operator==(const Augmentation&) const = default;
};

// The numbers of an Augmentation and their ranges. Python, C and files set by name what is listed
// here, and whoever is handed one checks it. The sizes are whole.
struct AugmentationNumber {
  std::string_view name;
  double Augmentation::* member = nullptr;
  double low = 0, high = 0;
};
inline constexpr AugmentationNumber augmentation_numbers[] = {
    {"elastic", &Augmentation::elastic, 0, 1e6},   {"sigma", &Augmentation::sigma, 1, 1e6},
    {"rotation", &Augmentation::rotation, 0, 180}, {"scaling", &Augmentation::scaling, 0, 0.9},
    {"shear", &Augmentation::shear, 0, 10},        {"shift", &Augmentation::shift, 0, 1e6},
    {"thinner", &Augmentation::thinner, 0, 16},    {"thicker", &Augmentation::thicker, 0, 16},
    {"noise", &Augmentation::noise, 0, 1e30},      {"fill", &Augmentation::fill, -1e30, 1e30},
    {"nearest", &Augmentation::nearest, 0, 1},
};
struct AugmentationSize {
  std::string_view name;
  std::size_t Augmentation::* member = nullptr;
};
inline constexpr AugmentationSize augmentation_sizes[] = {
    {"height", &Augmentation::height},
    {"width", &Augmentation::width},
    {"channels", &Augmentation::channels},
};
// Sets a number or a size by its name. False if there is none of that name; throws InvalidArgument
// for a value out of its range.
bool set_number(Augmentation& augmentation, std::string_view name, double value);

// Whether it changes any image.
bool distorts(const Augmentation& augmentation) noexcept;

// Throws InvalidArgument, which names what is wrong, for a number out of its range, and if rows of
// so many inputs are no images of that size.
void check(const Augmentation& augmentation, std::size_t inputs);

// Writes the rows of x, distorted, to `out`, (rows, columns of x). The first of them is row
// `first_row` of those that are trained on, with that seed in that epoch. Throws InvalidArgument
// for sparse rows, and as check() does.
template <class T>
[[gnu::visibility("default")]] void augment(const Augmentation& augmentation, const Inputs<T>& x,
                                            MatrixView<T> out, std::uint64_t seed,
                                            std::uint64_t epoch, std::uint64_t first_row = 0);

}  // namespace nncore
#pragma GCC visibility pop
