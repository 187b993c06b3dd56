// Forward, backward and update in Eigen: a sample is a column, parameters lie in one block.
#pragma once

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "npy.hpp"

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
template <class T>
using RowMatrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;

struct Settings {
  std::vector<long> sizes;
  std::string folder, hidden, output, cost, optimizer;
  double rate = 0, l2 = 0;
  long batch = 1;
  bool predicts = false, sparse = false, single = true;
};

// Weights (units, inputs) and biases, views of one block.
template <class T>
class Parameters {
 public:
  explicit Parameters(const std::vector<long>& sizes) : sizes_(sizes) {
    long total = 0;
    for (std::size_t l = 0; l < layers(); ++l) {
      starts_.push_back(total);
      total += sizes_[l + 1] * (sizes_[l] + 1);
    }
    block = Vector<T>::Zero(total);
  }
  std::size_t layers() const { return sizes_.size() - 1; }
  Eigen::Map<Matrix<T>> w(std::size_t l) {
    return {block.data() + starts_[l], sizes_[l + 1], sizes_[l]};
  }
  Eigen::Map<Vector<T>> b(std::size_t l) {
    return {block.data() + starts_[l] + sizes_[l] * sizes_[l + 1], sizes_[l + 1]};
  }
  Vector<T> block;

 private:
  std::vector<long> sizes_, starts_;
};

template <class T>
void activate(const std::string& name, Eigen::Ref<Matrix<T>> z) {
  if (name == "relu") {
    z = z.cwiseMax(T(0));
  } else if (name == "sigmoid") {
    z = z.array().logistic().matrix();
  } else if (name == "softmax") {
    for (Eigen::Index i = 0; i < z.cols(); ++i) {
      z.col(i) = (z.col(i).array() - z.col(i).maxCoeff()).exp().matrix();
      z.col(i) /= z.col(i).sum();
    }
  }
}

template <class T>
void times_slope(const std::string& name, const Matrix<T>& a, Matrix<T>& delta) {
  if (name == "relu") {
    delta.array() *= (a.array() > T(0)).template cast<T>();
  } else if (name == "sigmoid") {
    delta.array() *= a.array() * (T(1) - a.array());
  }
}

// One-hot columns of labels, or the targets themselves.
template <class T>
Matrix<T> read_targets(const Settings& s) {
  const long outputs = s.sizes.back();
  if (s.output == "linear") {
    const auto y = read_npy<T>(s.folder + "/y.npy");
    return Eigen::Map<const Matrix<T>>(y.data(), outputs, static_cast<long>(y.size()) / outputs);
  }
  const auto labels = read_npy<std::int64_t>(s.folder + "/y.npy");
  Matrix<T> y = Matrix<T>::Zero(outputs, static_cast<long>(labels.size()));
  for (std::size_t i = 0; i < labels.size(); ++i) y(labels[i], static_cast<long>(i)) = T(1);
  return y;
}

inline std::vector<long> counting(long n) {
  std::vector<long> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0L);
  return order;
}

template <class T>
class Dense {
 public:
  Dense(const Settings& s, Parameters<T> start)
      : s_(s), p_(std::move(start)), g_(s.sizes), y_(read_targets<T>(s)), a_(p_.layers() + 1) {
    const auto x = read_npy<T>(s.folder + "/x.npy");
    x_ =
        Eigen::Map<const Matrix<T>>(x.data(), s.sizes[0], static_cast<long>(x.size()) / s.sizes[0]);
    order_ = counting(x_.cols());
    m_ = v_ = Vector<T>::Zero(p_.block.size());
  }

  void run() {
    if (s_.predicts) {
      predict();
      return;
    }
    std::shuffle(order_.begin(), order_.end(), random_);
    for (long start = 0; start < x_.cols(); start += s_.batch) {
      train(start, std::min(s_.batch, x_.cols() - start));
    }
  }
  Parameters<T>& parameters() { return p_; }

 private:
  void predict() {
    forward_from(x_);
    sink_ = a_.back().sum();
  }

  void forward_from(const Matrix<T>& x) {
    for (std::size_t l = 0; l < p_.layers(); ++l) {
      const Matrix<T>& below = l ? a_[l] : x;
      Matrix<T>& a = a_[l + 1];
      a.noalias() = p_.w(l) * below;
      a.colwise() += p_.b(l);
      activate<T>(l + 1 == p_.layers() ? s_.output : s_.hidden, a);
    }
  }

  void train(long start, long n) {
    a_[0].resize(x_.rows(), n);
    target_.resize(y_.rows(), n);
    for (long i = 0; i < n; ++i) {
      a_[0].col(i) = x_.col(order_[static_cast<std::size_t>(start + i)]);
      target_.col(i) = y_.col(order_[static_cast<std::size_t>(start + i)]);
    }
    forward_from(a_[0]);
    delta_ = (a_.back() - target_) / T(n);
    if (s_.cost == "quadratic") times_slope(s_.output, a_.back(), delta_);
    s_.optimizer == "adam" ? adam() : sgd();
  }

  // The gradient is applied to the weights directly, after the error has been propagated through
  // them.
  void sgd() {
    const T rate = T(s_.rate), decay = T(1 - s_.rate * s_.l2 / double(x_.cols()));
    for (std::size_t l = p_.layers(); l-- > 0;) {
      if (l > 0) below_.noalias() = p_.w(l).transpose() * delta_;
      if (s_.l2 != 0) p_.w(l) *= decay;
      p_.w(l).noalias() -= rate * delta_ * a_[l].transpose();
      p_.b(l) -= rate * delta_.rowwise().sum();
      step_down(l);
    }
  }

  void adam() {
    for (std::size_t l = p_.layers(); l-- > 0;) {
      if (l > 0) below_.noalias() = p_.w(l).transpose() * delta_;
      g_.w(l).noalias() = delta_ * a_[l].transpose();
      g_.b(l) = delta_.rowwise().sum();
      step_down(l);
    }
    ++steps_;
    const auto g = g_.block.array();
    const T scale = T(s_.rate / (1 - std::pow(0.9, steps_)));
    const T correction = T(1 / (1 - std::pow(0.999, steps_)));
    const long chunk =
        4096;  // one pass over memory: the three loops over a chunk stay in L1 and L2
#pragma omp parallel for schedule(static) num_threads(Eigen::nbThreads()) if (g.size() > 200000)
    for (long start = 0; start < g.size(); start += chunk) {
      const long n = std::min<long>(chunk, g.size() - start);
      auto m = m_.segment(start, n).array();
      auto v = v_.segment(start, n).array();
      const auto part = g.segment(start, n);
      m = T(0.9) * m + T(0.1) * part;
      v = T(0.999) * v + T(0.001) * part.square();
      p_.block.segment(start, n).array() -= scale * m / ((v * correction).sqrt() + T(1e-8));
    }
  }

  void step_down(std::size_t l) {
    if (l == 0) return;
    times_slope(s_.hidden, a_[l], below_);
    delta_.swap(below_);
  }

  Settings s_;
  Parameters<T> p_, g_;
  Matrix<T> x_, y_, target_, delta_, below_;
  std::vector<Matrix<T>> a_;
  std::vector<long> order_;
  Vector<T> m_, v_;
  std::mt19937_64 random_{0};
  long steps_ = 0;
  volatile T sink_ = 0;
};
