// Memory for matrices: aligned to cache lines, zero when new.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <new>

#include "kernels/kernels.hpp"

namespace nncore {

// n rounded up to whole cache lines, and from four lines on to an odd number of them: the same few
// columns of all rows then spread over all sets of a cache instead of sharing a few.
template <class T>
constexpr std::size_t padded(std::size_t n) {
  constexpr std::size_t line = cache_line / sizeof(T);
  const std::size_t lines = (n + line - 1) / line;
  return (lines >= 4 ? lines | 1 : lines) * line;
}

// Wide layers are read at places that lie on many pages: from this size on, memory is aligned to
// large pages, and the system is asked for them.
inline constexpr std::size_t large_page = std::size_t{1} << 21, large_size = 2 * large_page;
void ask_for_large_pages(void* begin, std::size_t bytes) noexcept;

// Throws std::bad_alloc if so many rows of so many elements are more than can be counted.
template <class T>
void check_countable(std::size_t rows, std::size_t cols) {
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max() / 2 / sizeof(T);
  if (cols > 0 && rows > most / cols) throw std::bad_alloc();
}

template <class T>
std::shared_ptr<T> allocate_aligned(std::size_t n) {
  check_countable<T>(n, 1);
  const std::size_t bytes = n * sizeof(T);
  const std::align_val_t alignment{bytes < large_size ? cache_line : large_page};
  T* p = static_cast<T*>(::operator new(bytes, alignment));
  if (bytes >= large_size) ask_for_large_pages(p, bytes);
  std::fill(p, p + n, T(0));
  return {p, [alignment](T* q) { ::operator delete(q, alignment); }};
}

// Aligned memory that only grows.
template <class T>
class Buffer {
 public:
  T* reserve(std::size_t n) {
    if (n > size_) {
      memory_ = allocate_aligned<T>(n);
      size_ = n;
    }
    return data();
  }
  // The elements from `first` on, which live as long as either does.
  Buffer from(std::size_t first) const {
    Buffer part;
    part.memory_ = {memory_, data() + first};
    part.size_ = size_ - first;
    return part;
  }
  T* data() const { return memory_.get(); }
  std::size_t size() const { return size_; }
  std::shared_ptr<T> share() const { return memory_; }

 private:
  std::shared_ptr<T> memory_;
  std::size_t size_ = 0;
};

}  // namespace nncore
