// Data to learn from or to be measured on: checked once, for many epochs.
#pragma once

#include <cstddef>

#include "nncore/matrix.hpp"
#include "nncore/network.hpp"
#include "nncore/shared.hpp"

#pragma GCC visibility push(default)
namespace nncore {

// Samples that were checked, and are laid out for training: inputs that are mostly zero are stored
// without their zeros (CompactRows), which trains faster. Never changes: any number of networks
// and threads may use one at once. Copies are cheap, and share what they hold.
//
// Labels, weights, and the offsets and columns of sparse rows are copied, and the copies are
// checked. Dense inputs, targets that are no labels, and the values of sparse rows stay where they
// are: that memory must live, and must not change, for as long as the data set and its copies.
template <class T>
class Dataset {
 public:
  // Throws InvalidArgument unless the samples suit the network; see check() in network.hpp. With
  // `compacted` false inputs stay as they are given, and with `always` dense ones lose their zeros
  // however few these are, and are never coded: of rows that are a part of others, bits then do not
  // depend on which part. O(elements of the samples).
  Dataset(const Network<T>& network, const Samples<T>& samples, bool compacted = true,
          bool always = false);
  // Inputs without targets: to predict, not to learn from.
  Dataset(const Network<T>& network, const Inputs<T>& x, bool compacted = true);

  std::size_t rows() const noexcept { return inputs().rows(); }
  // The inputs as they were given, before they were compacted.
  const Inputs<T>& inputs() const noexcept;
  // As they are trained on. They live as long as the data set or a copy of it.
  const Samples<T>& samples() const noexcept;
  operator const Samples<T>&() const noexcept {  // NOLINT(google-explicit-constructor)
    return samples();
  }
  bool has_targets() const noexcept;
  // Sum of the samples' weights: the number of rows where there are none.
  double weight_sum() const noexcept;

  // Throws InvalidArgument unless the network, which may be another than the one it was made for,
  // can be trained on it. O(1), but for targets that were checked for another cost.
  void check_suits(const Network<T>& network) const;

 private:
  struct Content;
  Shared<const Content> content_;
};

extern template class Dataset<float>;
extern template class Dataset<double>;

}  // namespace nncore
#pragma GCC visibility pop
