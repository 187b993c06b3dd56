// What a call of the trainer restores when it fails: parameters and slots as they were before it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "threads/memory.hpp"

namespace nncore {

template <class T>
class Snapshot {
 public:
  // Begins a call, of which nothing is taken yet. The blocks lie still until it ends. All are of
  // the same size.
  void begin(std::span<T> parameters, const std::vector<Buffer<T>>& slots) {
    blocks_.clear();
    blocks_.push_back(parameters.data());
    for (const Buffer<T>& slot : slots) blocks_.push_back(slot.data());
    size_ = parameters.size();
    taken_ = false;
  }

  // Takes all of them.
  void take() {
    begin_parts();
    take_part(0, size_);
  }
  // The same in parts, which threads may take side by side: each part before it is changed.
  void begin_parts() {
    copies_.resize(size_ * blocks_.size());
    taken_ = true;
  }
  void take_part(std::size_t from, std::size_t count) {
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      std::copy_n(blocks_[b] + from, count, copies_.data() + b * size_ + from);
    }
  }

  // Nothing is done where nothing was taken, and so nothing changed.
  void restore() const {
    if (!taken_) return;
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      std::copy_n(copies_.data() + b * size_, size_, blocks_[b]);
    }
  }

 private:
  std::vector<T*> blocks_;
  std::size_t size_ = 0;
  std::vector<T> copies_;
  bool taken_ = false;
};

}  // namespace nncore
