#include "data/distorter.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "data/check.hpp"
#include "data/narrow_rows.hpp"
#include "model/augmentation.hpp"
#include "model/random.hpp"
#include "threads/parallel.hpp"

namespace nncore {
namespace {

// What the blocks of a row are drawn for. A row has 2^28 of them for each.
enum class Use : std::uint32_t { numbers, nodes, noise };
constexpr unsigned block_bits = 28;

Philox stream(const DistortionKey& key, Use use) {
  return {key.seed, Stream::distortion, key.epoch, static_cast<std::uint32_t>(use)};
}

// Uniform in [-1, 1).
double signed_unit(std::uint32_t word) {
  return static_cast<double>(static_cast<std::int32_t>(word)) * 0x1p-31;
}

// Elementary functions whose last bits do not depend on the platform: sums, products and
// quotients of doubles in a fixed order.

// e^-x for x from 0 to 100: to the 64th part, and squared six times.
double exp_of_minus(double x) {
  const double y = -x / 64;
  double term = 1, sum = 1;
  for (int i = 1; i <= 20; ++i) sum += term *= y / i;
  for (int i = 0; i < 6; ++i) sum *= sum;
  return sum;
}

struct Angle {
  double cos = 1, sin = 0;
};

// Of at most pi either way: Taylor's series of a quarter of it, doubled twice.
Angle angle(double radians) {
  const double x = radians / 4, squared = x * x;
  Angle a;
  a.sin = x;
  double cosine = 1, sine = x;
  for (int i = 2; i <= 20; i += 2) {
    a.cos += cosine *= -squared / (i * (i - 1));
    a.sin += sine *= -squared / (i * (i + 1));
  }
  for (int i = 0; i < 2; ++i) a = {1 - 2 * a.sin * a.sin, 2 * a.sin * a.cos};
  return a;
}

}  // namespace

template <class T>
struct Distorter<T>::Draw {
  double xx = 1, xy = 0, yx = 0, yy = 1;  // from places of the output to those of the image
  double x_shift = 0, y_shift = 0;
  double thickness = 0;  // above 0 thicker, below 0 thinner
};

// Node j is at pixel (j - 4) sigma; pixel p feels ten of them, to at least 4 sigma on both sides.
template <class T>
Distorter<T>::Axis::Axis(std::size_t pixels, double sigma)
    : nodes(static_cast<std::size_t>(static_cast<double>(pixels - 1) / sigma) + elastic_reach),
      first(pixels),
      weights(pixels * elastic_reach) {
  const double most = 1 / std::sqrt(2 * std::numbers::pi * sigma);
  for (std::size_t p = 0; p < pixels; ++p) {
    const double at = static_cast<double>(p) / sigma;
    first[p] = static_cast<std::size_t>(at);
    for (std::size_t k = 0; k < elastic_reach; ++k) {
      const double apart = static_cast<double>(first[p] + k) - 4 - at;
      weights[p * elastic_reach + k] = static_cast<T>(most * exp_of_minus(apart * apart / 2));
    }
  }
}

template <class T>
Distorter<T>::Distorter(const Augmentation& augmentation, const Inputs<T>& x,
                        const DistortionKey& key)
    : a_(of_size(augmentation, x.cols())), x_(x), key_(key), kernels_(kernels<T>()) {
  check(augmentation, x.cols());
  if (x.is_sparse() || x.is_coded()) {
    throw InvalidArgument(
        "x is sparse; images that are to be distorted are expected as dense rows");
  }
  elastic_ = a_.elastic > 0;
  thickens_ = a_.thinner > 0 || a_.thicker > 0;
  moves_ = elastic_ || a_.rotation > 0 || a_.scaling > 0 || a_.shear > 0 || a_.shift > 0;
  const double scale = x.is_narrow() ? x.narrow.scale : 1;
  fill_ = static_cast<T>(x.is_narrow() ? a_.fill * scale + x.narrow.offset : a_.fill);
  // The sum of four bytes has the variance 4 (256^2 - 1) / 12.
  noise_ = static_cast<T>(a_.noise * std::abs(scale) / std::sqrt(21845.0));
  stride_ = (a_.width + 3 + 15) / 16 * 16;
  plane_ = stride_ * (a_.height + 3);
  const auto elements = static_cast<double>(x.cols());
  work_per_row_ = elements * (20 + 60 * moves_ + 20 * thickens_ + 40 * (a_.noise > 0));
  if (!elastic_) return;

  rows_ = Axis(a_.height, a_.sigma);
  const Axis across(a_.width, a_.sigma);
  const std::size_t stride = padded<T>(a_.width);
  columns_.resize(across.nodes * stride);
  for (std::size_t c = 0; c < a_.width; ++c) {
    for (std::size_t k = 0; k < elastic_reach; ++k) {
      columns_[(across.first[c] + k) * stride + c] =
          across.weights[c * elastic_reach + k] * static_cast<T>(a_.elastic);
    }
  }
  constexpr std::size_t line = cache_line / sizeof(T);
  for (std::size_t c = 0; c < a_.width; c += line) {
    line_first_.push_back(across.first[c]);
    line_end_.push_back(across.first[std::min(c + line, a_.width) - 1] + elastic_reach);
  }
  grid_ = {.height = a_.height,
           .width = a_.width,
           .stride = stride,
           .node_rows = rows_.nodes,
           .node_cols = across.nodes,
           .rows = rows_.weights.data(),
           .row_first = rows_.first.data(),
           .columns = columns_.data(),
           .line_first = line_first_.data(),
           .line_end = line_end_.data()};
  work_per_row_ += elements * 40;
}

template <class T>
typename Distorter<T>::Draw Distorter<T>::draw(std::uint64_t row) const {
  const Philox random = stream(key_, Use::numbers);
  const Random4 r = random(row << block_bits), s = random((row << block_bits) + 1);
  const Angle turn = angle(a_.rotation * signed_unit(r[0]) * (std::numbers::pi / 180));
  const double wider = 1 + a_.scaling * signed_unit(r[1]);
  const double higher = 1 + a_.scaling * signed_unit(r[2]);
  const double slant = a_.shear * signed_unit(r[3]);
  // What is turned back, then sheared back, then scaled back.
  Draw d;
  d.xx = (turn.cos + slant * turn.sin) / wider;
  d.xy = (turn.sin - slant * turn.cos) / wider;
  d.yx = -turn.sin / higher;
  d.yy = turn.cos / higher;
  d.x_shift = a_.shift * signed_unit(s[0]);
  d.y_shift = a_.shift * signed_unit(s[1]);
  const double thickness = signed_unit(s[2]);
  d.thickness = thickness * (thickness > 0 ? a_.thicker : a_.thinner);
  return d;
}

// What lies outside of a plane.
template <class T>
void Distorter<T>::fill_frame(T* image) const {
  const std::size_t h = a_.height, w = a_.width;
  const bool nearest = a_.nearest > 0;
  for (std::size_t r = 1; r <= h; ++r) {
    T* line = image + r * stride_;
    line[0] = nearest ? line[1] : fill_;
    line[w + 1] = line[w + 2] = nearest ? line[w] : fill_;
  }
  for (const std::size_t r : {std::size_t{0}, h + 1, h + 2}) {
    T* line = image + r * stride_;
    const T* edge = image + (r == 0 ? 1 : h) * stride_;
    for (std::size_t c = 0; c < w + 3; ++c) line[c] = nearest ? edge[c] : fill_;
  }
}

// A row as planes, one a channel, with a frame of what lies outside.
template <class T>
void Distorter<T>::frame(const T* row, T* image) const {
  for (std::size_t channel = 0; channel < a_.channels; ++channel) {
    T* plane = image + channel * plane_;
    for (std::size_t r = 0; r < a_.height; ++r) {
      T* to = plane + (r + 1) * stride_ + 1;
      const T* from = row + r * a_.width * a_.channels + channel;
      if (a_.channels == 1) {
        std::copy_n(from, a_.width, to);
        continue;
      }
      for (std::size_t c = 0; c < a_.width; ++c) to[c] = from[c * a_.channels];
    }
    fill_frame(plane);
  }
}

template <class T>
void Distorter<T>::unframe(const T* image, T* out) const {
  for (std::size_t channel = 0; channel < a_.channels; ++channel) {
    for (std::size_t r = 0; r < a_.height; ++r) {
      const T* from = image + channel * plane_ + (r + 1) * stride_ + 1;
      T* to = out + r * a_.width * a_.channels + channel;
      for (std::size_t c = 0; c < a_.width; ++c) to[c * a_.channels] = from[c];
    }
  }
}

// The image with other strokes, in one of two places.
template <class T>
T* Distorter<T>::thicken(const Draw& draw, T* image, DistortionScratch<T>& scratch) const {
  T* other = scratch.other.reserve(plane_ * a_.channels);
  for (double left = std::abs(draw.thickness); left > 0; left -= 1) {
    for (std::size_t channel = 0; channel < a_.channels; ++channel) {
      T* to = other + channel * plane_;
      kernels_.thicken(image + channel * plane_, stride_, a_.height, a_.width,
                       static_cast<T>(std::min(left, 1.0)), draw.thickness > 0, to);
      fill_frame(to);
    }
    std::swap(image, other);
  }
  return image;
}

template <class T>
void Distorter<T>::warp(std::uint64_t row, const Draw& draw, const T* image, T* out,
                        DistortionScratch<T>& scratch) const {
  const T *dx = nullptr, *dy = nullptr;
  if (elastic_) {
    const std::size_t nodes = grid_.node_rows * grid_.node_cols;
    const std::size_t blocks = (2 * nodes + 3) / 4;
    std::uint32_t* words = scratch.words.reserve((blocks + 15) / 16 * 64);
    const Philox random = stream(key_, Use::nodes);
    kernels_.random_words(random.key(), random.counter(row << block_bits).data(), blocks, words);
    T* across = scratch.across.reserve(grid_.node_rows * grid_.stride);
    T* x = scratch.dx.reserve(a_.height * grid_.stride);
    T* y = scratch.dy.reserve(a_.height * grid_.stride);
    kernels_.elastic_field(grid_, words, across, x);
    kernels_.elastic_field(grid_, words + nodes, across, y);
    dx = x;
    dy = y;
  }
  const double x_centre = static_cast<double>(a_.width - 1) / 2;
  const double y_centre = static_cast<double>(a_.height - 1) / 2;
  kernels_.warp(
      {.height = a_.height,
       .width = a_.width,
       .channels = a_.channels,
       .image = image,
       .stride = stride_,
       .plane = plane_,
       .xx = static_cast<T>(draw.xx),
       .xy = static_cast<T>(draw.xy),
       .x_start = static_cast<T>(x_centre + 1 - draw.xx * draw.x_shift - draw.xy * draw.y_shift),
       .yx = static_cast<T>(draw.yx),
       .yy = static_cast<T>(draw.yy),
       .y_start = static_cast<T>(y_centre + 1 - draw.yx * draw.x_shift - draw.yy * draw.y_shift),
       .x_centre = static_cast<T>(x_centre),
       .y_centre = static_cast<T>(y_centre),
       .dx = dx,
       .dy = dy,
       .field_stride = grid_.stride,
       .out = out});
}

template <class T>
void Distorter<T>::add_noise(std::uint64_t row, T* out, DistortionScratch<T>& scratch) const {
  constexpr std::size_t piece = 1024;  // stays in L1
  std::uint32_t* words = scratch.words.reserve(piece);
  const Philox random = stream(key_, Use::noise);
  const std::size_t size = a_.height * a_.width * a_.channels;
  for (std::size_t i = 0; i < size; i += piece) {
    const std::size_t count = std::min(piece, size - i);
    kernels_.random_words(random.key(), random.counter((row << block_bits) + i / 4).data(),
                          (count + 3) / 4, words);
    kernels_.add_noise(out + i, words, count, noise_);
  }
}

template <class T>
void Distorter<T>::operator()(std::size_t i, T* out, DistortionScratch<T>& scratch) const {
  const std::uint64_t row = key_.first_row + i;
  const bool framed = moves_ || thickens_;
  const T* given = x_.is_narrow() ? nullptr : x_.dense.row(i);
  if (x_.is_narrow()) {
    T* to = framed ? scratch.row.reserve(x_.cols()) : out;
    widen_row(x_.narrow, i, to);
    given = to;
  } else if (!framed) {
    std::copy_n(given, x_.cols(), out);
  }
  if (framed) {
    const Draw drawn = draw(row);
    T* image = scratch.image.reserve(plane_ * a_.channels);
    frame(given, image);
    if (thickens_) image = thicken(drawn, image, scratch);
    if (moves_) {
      warp(row, drawn, image, out, scratch);
    } else {
      unframe(image, out);
    }
  }
  if (a_.noise > 0) add_noise(row, out, scratch);
}

template <class T>
void augment(const Augmentation& augmentation, const Inputs<T>& x, MatrixView<T> out,
             std::uint64_t seed, std::uint64_t epoch, std::uint64_t first_row) {
  check_out(out, x.rows(), x.cols(), "the distorted rows");
  const Distorter<T> distort(augmentation, x, {seed, epoch, first_row});
  const int threads =
      threads_for(distort.work_per_row() * static_cast<double>(x.rows()), share_of_threads());
  parallel_for(x.rows(), 1, threads, [&](int, std::size_t begin, std::size_t end) {
    DistortionScratch<T> scratch;
    for (std::size_t i = begin; i < end; ++i) distort(i, out.row(i), scratch);
  });
}

#define NNCORE_INSTANTIATE(T)                                                                \
  template class Distorter<T>;                                                               \
  template void augment(const Augmentation&, const Inputs<T>&, MatrixView<T>, std::uint64_t, \
                        std::uint64_t, std::uint64_t);
NNCORE_INSTANTIATE(float)
NNCORE_INSTANTIATE(double)
#undef NNCORE_INSTANTIATE

}  // namespace nncore
