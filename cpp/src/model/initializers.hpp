// The initialisers, each defined once: its name and how it spreads a layer's weights. Biases
// start at zero except for `normal` and `scaled`, the book's, which draw them from N(0, 1).
//
// To add one: a line in the Initializer enumeration (names.hpp) and a struct here.
#pragma once

#include <cmath>
#include <string_view>

#include "nncore/names.hpp"

namespace nncore {
namespace {

// Weights are drawn with standard deviation `deviation`, normal or uniform.
struct Spread {
  double deviation = 0;
  bool uniform = false;
};

template <Initializer>
struct InitializerFn;

struct InitializerTraits {
  static constexpr bool draws_biases = false;
};

// The book's first: N(0, 1) for everything.
template <>
struct InitializerFn<Initializer::normal> {
  static constexpr std::string_view name = "normal";
  static constexpr bool draws_biases = true;
  static Spread spread(double, double) { return {1, false}; }
};

// The book's third chapter: weights over the square root of the fan-in.
template <>
struct InitializerFn<Initializer::scaled> {
  static constexpr std::string_view name = "scaled";
  static constexpr bool draws_biases = true;
  static Spread spread(double in, double) { return {1 / std::sqrt(in), false}; }
};

// Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
// networks", 2010.
template <>
struct InitializerFn<Initializer::glorot_uniform> : InitializerTraits {
  static constexpr std::string_view name = "glorot_uniform";
  static Spread spread(double in, double out) { return {std::sqrt(2 / (in + out)), true}; }
};

template <>
struct InitializerFn<Initializer::glorot_normal> : InitializerTraits {
  static constexpr std::string_view name = "glorot_normal";
  static Spread spread(double in, double out) { return {std::sqrt(2 / (in + out)), false}; }
};

// He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", 2015.
template <>
struct InitializerFn<Initializer::he_uniform> : InitializerTraits {
  static constexpr std::string_view name = "he_uniform";
  static Spread spread(double in, double) { return {std::sqrt(2 / in), true}; }
};

template <>
struct InitializerFn<Initializer::he_normal> : InitializerTraits {
  static constexpr std::string_view name = "he_normal";
  static Spread spread(double in, double) { return {std::sqrt(2 / in), false}; }
};

template <>
struct InitializerFn<Initializer::zeros> : InitializerTraits {
  static constexpr std::string_view name = "zeros";
  static Spread spread(double, double) { return {0, false}; }
};

}  // namespace
}  // namespace nncore
