// The first layer on sparse rows (CSR) with plain SGD. It updates only weights of non-zero inputs.
#pragma once

#include "network.hpp"

template <class T>
class Sparse {
 public:
  Sparse(const Settings& s, Parameters<T> start)
      : s_(s),
        p_(std::move(start)),
        y_(read_targets<T>(s)),
        values_(read_npy<T>(s.folder + "/x_data.npy")),
        indices_(read_npy<int>(s.folder + "/x_indices.npy")),
        starts_(read_npy<int>(s.folder + "/x_indptr.npy")),
        a_(p_.layers() + 1) {
    order_ = counting(y_.cols());
  }

  void run() {
    std::shuffle(order_.begin(), order_.end(), random_);
    for (long start = 0; start < y_.cols(); start += s_.batch) {
      train(start, std::min(s_.batch, y_.cols() - start));
    }
  }
  Parameters<T>& parameters() { return p_; }

 private:
  // f(input, value) for the non-zeros of row i of the current mini-batch.
  template <class F>
  void for_each(long i, F f) {
    const auto row = static_cast<std::size_t>(order_[static_cast<std::size_t>(start_ + i)]);
    for (int k = starts_[row]; k < starts_[row + 1]; ++k) {
      f(indices_[static_cast<std::size_t>(k)], values_[static_cast<std::size_t>(k)]);
    }
  }

  void train(long start, long n) {
    start_ = start;
    const T rate = T(s_.rate);
    auto first = p_.w(0);  // column-major: an input's weights are contiguous
    target_.resize(y_.rows(), n);
    Matrix<T>& z = a_[1];
    z = p_.b(0).replicate(1, n);
    for (long i = 0; i < n; ++i) {
      target_.col(i) = y_.col(order_[static_cast<std::size_t>(start + i)]);
      for_each(i, [&](int input, T value) { z.col(i) += value * first.col(input); });
    }
    activate<T>(s_.hidden, z);
    for (std::size_t l = 1; l < p_.layers(); ++l) {
      a_[l + 1].noalias() = p_.w(l) * a_[l];
      a_[l + 1].colwise() += p_.b(l);
      activate<T>(l + 1 == p_.layers() ? s_.output : s_.hidden, a_[l + 1]);
    }
    delta_ = (a_.back() - target_) / T(n);
    for (std::size_t l = p_.layers(); l-- > 1;) {
      below_.noalias() = p_.w(l).transpose() * delta_;
      p_.w(l).noalias() -= rate * delta_ * a_[l].transpose();
      p_.b(l) -= rate * delta_.rowwise().sum();
      times_slope(s_.hidden, a_[l], below_);
      delta_.swap(below_);
    }
    delta_ *= rate;
    p_.b(0) -= delta_.rowwise().sum();
    for (long i = 0; i < n; ++i) {
      for_each(i, [&](int input, T value) { first.col(input) -= value * delta_.col(i); });
    }
  }

  Settings s_;
  Parameters<T> p_;
  Matrix<T> y_, target_, delta_, below_;
  std::vector<T> values_;
  std::vector<int> indices_, starts_;
  std::vector<Matrix<T>> a_;
  std::vector<long> order_;
  std::mt19937_64 random_{0};
  long start_ = 0;
};
