// Weight decay that is put off. A sparse mini-batch touches few of the first layer's weights; to
// multiply all of them by the same factor would cost more than the mini-batch itself.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/kernels.hpp"
#include "nncore/matrix.hpp"

namespace nncore {

// The first layer's weights in a run of training. Their values are scale() times what their memory
// holds. Without a run, scale() is 1.
template <class T>
class PendingDecay {
 public:
  // A run that trains the weights w (in, out). However it ends, no decay is pending then.
  class Run {
   public:
    Run(PendingDecay& decay, MatrixView<T> w) : decay_(decay) {
      decay.data_ = w.data;
      decay.size_ = w.rows * w.stride;
    }
    ~Run() { decay_.apply(); }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

   private:
    PendingDecay& decay_;
  };

  T scale() const { return static_cast<T>(scale_); }

  // What is to be added to the weights, as their memory has to see it.
  T unscaled(T x) const { return static_cast<T>(x / scale_); }

  // weights *= factor, later.
  void decay(double factor) { scale_ *= factor; }

  void apply() {
    if (scale_ == 1) return;
    kernels<T>().rescale(data_, scale(), size_);
    scale_ = 1;
  }

  // Applies the decay if an epoch's first `batches` mini-batches are a multiple of 16.
  void apply_after(std::uint64_t batches) {
    if (batches % every == 0) apply();
  }

  // After how many mini-batches of an epoch none is pending: now, or the next time that it is
  // applied. An epoch stops only there: one that goes on later then has the bits of one that was
  // never stopped.
  std::uint64_t none_pending_after(std::uint64_t batches) const {
    return scale_ == 1 ? batches : (batches / every + 1) * every;
  }

 private:
  static constexpr std::uint64_t every = 16;
  T* data_ = nullptr;
  std::size_t size_ = 0;
  double scale_ = 1;
};

}  // namespace nncore
