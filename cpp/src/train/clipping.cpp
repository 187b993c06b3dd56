#include "train/clipping.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/parameter_access.hpp"

namespace nncore {

template <class T>
void clip(std::span<T> gradients, const TrainOptions& options) {
  if (options.clip_value > 0) {
    const T bound = static_cast<T>(options.clip_value);
    for (T& g : gradients) g = std::clamp(g, -bound, bound);
  }
  if (options.clip_norm > 0) {
    double squares = 0;
    for (const T g : gradients) squares += double(g) * double(g);
    const double norm = std::sqrt(squares);
    if (norm > options.clip_norm) {
      const T factor = static_cast<T>(options.clip_norm / norm);
      for (T& g : gradients) g *= factor;
    }
  }
}

template <class T>
void bound_norms(Network<T>& network, double bound, std::span<const double> rates) {
  std::vector<double> factors;
  for (std::size_t l = 0; l < network.layers().size(); ++l) {
    if (!rates.empty() && rates[2 * l] == 0) continue;
    const MatrixView<T> w = ParameterAccess<T>::weights(network, l);  // (in, out)
    factors.assign(w.cols, 0);
    for (std::size_t k = 0; k < w.rows; ++k) {
      for (std::size_t j = 0; j < w.cols; ++j)
        factors[j] += double(w.row(k)[j]) * double(w.row(k)[j]);
    }
    for (double& f : factors) f = std::sqrt(f) > bound ? bound / std::sqrt(f) : 1;
    for (std::size_t k = 0; k < w.rows; ++k) {
      for (std::size_t j = 0; j < w.cols; ++j) w.row(k)[j] *= static_cast<T>(factors[j]);
    }
  }
}

template void clip(std::span<float>, const TrainOptions&);
template void clip(std::span<double>, const TrainOptions&);
template void bound_norms(Network<float>&, double, std::span<const double>);
template void bound_norms(Network<double>&, double, std::span<const double>);

}  // namespace nncore
