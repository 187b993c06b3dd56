#include "nncore/dataset.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "data/check.hpp"
#include "nncore/compact_rows.hpp"

namespace nncore {

template <class T>
struct Dataset<T>::Content {
  Inputs<T> inputs;
  Samples<T> samples;
  bool has_targets = false;
  double weight_sum = 0;
  Cost checked_for = Cost::quadratic;
  std::int64_t largest_label = -1;

  // What the views above look at, where it is not the caller's.
  std::vector<std::int64_t> labels, offsets;
  std::vector<std::int32_t> columns;
  std::vector<T> weights;
  std::optional<CompactRows<T>> compact;

  void own(const Samples<T>& given) {
    samples = given;
    if (given.x.is_sparse()) {
      const SparseView<T>& x = given.x.sparse;
      offsets.assign(x.offsets, x.offsets + x.rows + 1);
      if (offsets.back() < 0) {
        throw InvalidArgument(concat("sparse x ends at offset ", offsets.back()));
      }
      columns.assign(x.columns, x.columns + offsets.back());
      samples.x.sparse.offsets = offsets.data();
      samples.x.sparse.columns = columns.data();
    }
    if (given.y.are_labels()) {
      labels.assign(given.y.labels.begin(), given.y.labels.end());
      samples.y.labels = labels;
    }
    weights.assign(given.weights.begin(), given.weights.end());
    samples.weights = weights;
  }

  void take_in(bool compacted, bool always = false) {
    inputs = samples.x;
    weight_sum = weights.empty() ? static_cast<double>(samples.rows()) : 0;
    for (const T weight : weights) weight_sum += static_cast<double>(weight);
    for (const std::int64_t label : labels) largest_label = std::max(largest_label, label);
    if (compacted) compact = nncore::compact(samples.x, always);
    if (samples.x.is_sparse()) samples.x.sparse.ascending = columns_ascend(samples.x.sparse);
  }
};

template <class T>
Dataset<T>::Dataset(const Network<T>& network, const Samples<T>& samples, bool compacted,
                    bool always) {
  const auto content = std::make_shared<Content>();
  content->own(samples);
  check(network, content->samples);
  content->has_targets = true;
  content->checked_for = network.architecture().cost;
  content->take_in(compacted, always);
  content_ = content;
}

template <class T>
Dataset<T>::Dataset(const Network<T>& network, const Inputs<T>& x, bool compacted) {
  const auto content = std::make_shared<Content>();
  content->own({x, {}, {}});
  check(network, content->samples.x);
  content->take_in(compacted);
  content_ = content;
}

template <class T>
const Inputs<T>& Dataset<T>::inputs() const noexcept {
  return content_->inputs;
}

template <class T>
const Samples<T>& Dataset<T>::samples() const noexcept {
  return content_->samples;
}

template <class T>
bool Dataset<T>::has_targets() const noexcept {
  return content_->has_targets;
}

template <class T>
double Dataset<T>::weight_sum() const noexcept {
  return content_->weight_sum;
}

template <class T>
void Dataset<T>::check_suits(const Network<T>& network) const {
  const Content& c = *content_;
  if (!c.has_targets) throw InvalidArgument("the data set has no targets y");
  if (!c.samples.y.are_labels()) {
    // Another cost may refuse these targets.
    if (c.checked_for != network.architecture().cost) return check(network, c.samples);
    return check_shapes(network, c.samples);
  }
  check_shapes(network, c.inputs);
  check_takes_labels(network.architecture().cost);
  const std::size_t classes = network.outputs() == 1 ? 2 : network.outputs();
  if (c.largest_label >= static_cast<std::int64_t>(classes)) {
    throw InvalidArgument(concat("y has the label ", c.largest_label,
                                 "; the network's outputs stand for labels 0 to ", classes - 1));
  }
}

template class Dataset<float>;
template class Dataset<double>;

}  // namespace nncore
