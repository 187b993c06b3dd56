// Rows of images, distorted as an Augmentation says; see there. Not installed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernels.hpp"
#include "nncore/augmentation.hpp"
#include "nncore/matrix.hpp"
#include "threads/memory.hpp"

namespace nncore {

// What the random numbers of a row are drawn from, besides its number.
struct DistortionKey {
  std::uint64_t seed = 0, epoch = 0;
  std::uint64_t first_row = 0;  // what is added to the numbers of rows
};

// Memory of one thread.
template <class T>
struct DistortionScratch {
  Buffer<T> row, image, other, across, dx, dy;
  Buffer<std::uint32_t> words;
};

// Everything about the distortions that all rows share. Holds a view of the rows: these must live.
//
// The elastic field is R N C: N are random numbers on a grid of sigma pixels, and R and C, the
// columns and rows of a Gaussian. With uniform noise on every pixel, as Simard et al. have it, the
// displacements' covariance is the sum of products of two Gaussians over all pixels. A sum over
// every sigma-th pixel, times sigma, is the same but for e^(-pi^2) of it, in each direction: the
// Gaussian has nothing left at that frequency (Poisson's sum). And it takes 1 / sigma^2 of the
// random numbers.
template <class T>
class Distorter {
 public:
  // Throws InvalidArgument; see augment().
  Distorter(const Augmentation& augmentation, const Inputs<T>& x, const DistortionKey& key);
  Distorter(const Distorter&) = delete;
  Distorter& operator=(const Distorter&) = delete;

  // Row i of x, to x.cols() numbers. Any number of threads may ask, each with its own scratch.
  void operator()(std::size_t i, T* out, DistortionScratch<T>& scratch) const;

  // In multiply-adds that take as long.
  double work_per_row() const { return work_per_row_; }

 private:
  struct Axis {
    std::size_t nodes = 0;
    std::vector<std::size_t> first;  // for each pixel
    std::vector<T> weights;          // (pixels, elastic_reach)
    Axis() = default;
    Axis(std::size_t pixels, double sigma);
  };
  struct Draw;

  Draw draw(std::uint64_t row) const;
  void fill_frame(T* image) const;
  void frame(const T* row, T* image) const;
  T* thicken(const Draw& draw, T* image, DistortionScratch<T>& scratch) const;
  void unframe(const T* image, T* out) const;
  void warp(std::uint64_t row, const Draw& draw, const T* image, T* out,
            DistortionScratch<T>& scratch) const;
  void add_noise(std::uint64_t row, T* out, DistortionScratch<T>& scratch) const;

  Augmentation a_;
  Inputs<T> x_;
  DistortionKey key_;
  const Kernels<T>& kernels_;
  bool moves_ = false, elastic_ = false, thickens_ = false;
  T fill_ = 0, noise_ = 0;
  std::size_t stride_ = 0, plane_ = 0;  // of a framed image
  Axis rows_;
  std::vector<T> columns_;
  std::vector<std::size_t> line_first_, line_end_;
  ElasticGrid<T> grid_;
  double work_per_row_ = 0;
};

}  // namespace nncore
