// Accuracy of the elementary functions over their whole range, and special values. Functions in an
// instruction set's table are called through it, the others directly.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "every.hpp"
#include "kernels/kernels.hpp"
#include "kernels/math.hpp"
#include "kernels/of_many.hpp"
#include "kernels/tables.hpp"
#include "model/random.hpp"
#include "nncore/names.hpp"
#include "threads/memory.hpp"

using namespace nncore;

namespace test_math {
namespace {

template <class T>
constexpr T infinity = std::numeric_limits<T>::infinity();
template <class T>
constexpr T nan = std::numeric_limits<T>::quiet_NaN();

// Results are compared with libm in a wider type.
template <class T>
using Wide = std::conditional_t<sizeof(T) == 4, double, long double>;

// The largest absolute error of smaller results, some of which are 0.
template <class T>
constexpr Wide<T> tiny = Wide<T>(256) * std::numeric_limits<T>::min();

// Numbers of every magnitude and sign, and more where functions bend. They fill whole cache lines.
template <class T>
std::vector<T> samples() {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  constexpr std::size_t by_bits = (sizeof(T) == 4 ? 400'000 : 20'000) / every(10);
  constexpr std::size_t each = 24'000 / every(6);
  const Bits stride = std::numeric_limits<Bits>::max() / by_bits | 1;
  std::vector<T> x;
  for (std::size_t i = 0; i < by_bits; ++i) {
    const Bits bits = Bits(i) * stride;
    T number;
    std::memcpy(&number, &bits, sizeof number);
    if (std::isfinite(number)) x.push_back(number);
  }
  const Philox random(7, Stream::parameters, 0, 0);
  for (std::size_t i = 0; i < each; ++i) {
    const auto u = random.uniform(i);
    for (const double width : {1.0, 4.0, 40.0, sizeof(T) == 4 ? 100.0 : 750.0}) {
      x.push_back(static_cast<T>(width * (2 * u[0] - 1)));
    }
    x.push_back(static_cast<T>(std::exp2(66 * u[1] - 55)));
    x.push_back(-x.back());
  }
  while (x.size() % 64) x.push_back(T(1));
  return x;
}

// The largest error in units in the last place.
template <class T>
class Errors {
 public:
  void add(T x, T found, Wide<T> exact) {
    const Wide<T> size = std::abs(exact), largest = std::numeric_limits<T>::max();
    if (std::isinf(found)) {
      const Wide<T> epsilon = std::numeric_limits<T>::epsilon();
      REQUIRE_OF_MANY(size >= largest * (1 - 2 * epsilon), double(x));
    } else if (size < tiny<T>) {
      REQUIRE_OF_MANY(std::abs(Wide<T>(found) - exact) <= tiny<T>, double(x));
    } else {
      int exponent;
      std::frexp(exact, &exponent);
      const Wide<T> unit = std::ldexp(Wide<T>(1), exponent - std::numeric_limits<T>::digits);
      const double error = double(std::abs(Wide<T>(found) - exact) / unit);
      if (!(error <= worst_)) worst_ = error, at_ = double(x);
    }
  }
  void check(double bound) const {
    CAPTURE(at_);
    CHECK(worst_ <= bound);
  }

 private:
  double worst_ = 0, at_ = 0;
};

template <class R>
R normal_distribution(R x) {
  return std::erfc(-x * R(0.707106781186547524400844362104849039L)) / 2;
}
template <class R>
R normal_density(R x) {
  return std::exp(-x * x / 2) * R(0.398942280401432677939946059934381868L);
}
template <class R>
R logistic(R x) {
  return 1 / (1 + std::exp(-x));
}

template <class R>
R tanh_of_softplus(R x) {
  return std::tanh((x > 0 ? x : 0) + std::log1p(std::exp(-std::abs(x))));
}
template <class R>
constexpr R selu_scale = R(1.05070098735548049341933498529460689L);
template <class R>
constexpr R selu_alpha = R(1.67326324235437728481704297329022950L);

// An activation, its slope, and the kernels' largest error: in units in the last place for the
// value, and relative to max(1, slope), in epsilons, for the slope.
template <class R>
struct Function {
  Activation activation;
  R (*value)(R);
  R (*slope)(R);
  double value_bound, slope_bound;
};

template <class R>
const Function<R> functions[] = {
    {Activation::exponential, [](R x) { return std::exp(x); }, [](R x) { return std::exp(x); }, 1.1,
     1.1},
    {Activation::elu, [](R x) { return x > 0 ? x : std::expm1(x); },
     [](R x) { return x > 0 ? R(1) : std::exp(x); }, 1.1, 1},
    {Activation::tanh, [](R x) { return std::tanh(x); },
     [](R x) { return 1 - std::tanh(x) * std::tanh(x); }, 2, 3},
    {Activation::sigmoid, [](R x) { return logistic(x); },
     [](R x) { return logistic(x) * logistic(-x); }, 2.5, 1},
    {Activation::silu, [](R x) { return x * logistic(x); },
     [](R x) { return logistic(x) * (1 + x * logistic(-x)); }, 3, 2},
    {Activation::softplus, [](R x) { return (x > 0 ? x : 0) + std::log1p(std::exp(-std::abs(x))); },
     [](R x) { return logistic(x); }, 1.75, 1},
    {Activation::gelu, [](R x) { return x * normal_distribution(x); },
     [](R x) { return normal_distribution(x) + x * normal_density(x); }, 6, 2},
    {Activation::selu,
     [](R x) { return selu_scale<R> * (x > 0 ? x : selu_alpha<R> * std::expm1(x)); },
     [](R x) { return selu_scale<R> * (x > 0 ? R(1) : selu_alpha<R> * std::exp(x)); }, 2.5, 2},
    {Activation::mish, [](R x) { return x * tanh_of_softplus(x); },
     [](R x) {
       const R t = tanh_of_softplus(x);
       return t + x * (1 - t * t) * logistic(x);
     },
     4, 3},
};

template <class T>
void test_activations() {
  using R = Wide<T>;
  const std::vector<T> x = samples<T>();
  for (const Function<R>& f : functions<R>) {
    CAPTURE(std::string(name(f.activation)));
    std::vector<R> value, slope;
    for (const T xi : x) {
      value.push_back(f.value(R(xi)));
      slope.push_back(f.slope(R(xi)));
    }
    for (const InstructionSet* set : available_instruction_sets()) {
      CAPTURE(std::string(set->name));
      const auto& kernels = table<T>(*set).activations[f.activation];
      std::vector<T> a = x, delta(x.size(), T(1));
      kernels.apply(a.data(), a.size(), 1, a.size());
      kernels.multiply_slope(x.data(), a.data(), delta.data(), x.size(), 1, x.size());
      Errors<T> errors;
      double worst = 0, at = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        // exp is 0 a little above the smallest numbers, and mish is many times as large there.
        const bool ends = f.activation == Activation::mish && std::abs(value[i]) < 10 * tiny<T>;
        errors.add(x[i], ends && a[i] == 0 ? T(value[i]) : a[i], value[i]);
        if (std::isinf(a[i]) && f.activation == Activation::exponential) continue;
        const double unit = std::max(1.0, double(slope[i])) * std::numeric_limits<T>::epsilon();
        const double error = double(std::abs(R(delta[i]) - slope[i])) / unit;
        if (!(error <= worst)) worst = error, at = double(x[i]);
      }
      errors.check(f.value_bound);
      CAPTURE(at);
      CHECK(worst <= f.slope_bound);
    }
  }
}

template <class T>
void test_functions() {
  using R = Wide<T>;
  Errors<T> log, distribution, density;
  for (const T x : samples<T>()) {
    if (x >= 0 && x < std::numeric_limits<T>::max() / 4) {
      log.add(x, log1p_positive(x), std::log1p(R(x)));
    }
    distribution.add(x, normal_cdf(x, bell(x)), normal_distribution(R(x)));
    density.add(x, bell(x), std::exp(-R(x) * R(x) / 2));
  }
  log.check(1.5);
  distribution.check(5);  // 4 with a fused multiply-add
  density.check(2);

  CHECK(log1p_positive(T(0)) == 0);
  CHECK(log1p_positive(std::numeric_limits<T>::denorm_min()) ==
        std::numeric_limits<T>::denorm_min());
  CHECK(std::isnan(log1p_positive(nan<T>)));
  CHECK(normal_cdf(T(0), bell(T(0))) == T(0.5));
  CHECK(normal_cdf(infinity<T>, bell(infinity<T>)) == 1);
  CHECK(normal_cdf(-infinity<T>, bell(-infinity<T>)) == 0);
}

template <class T>
T apply_one(const Kernels<T>& k, Activation a, T x) {
  alignas(cache_line) T line[cache_line / sizeof(T)] = {x};
  k.activations[a].apply(line, cache_line / sizeof(T), 1, 1);
  return line[0];
}

template <class T>
T slope_one(const Kernels<T>& k, Activation a, T z) {
  constexpr std::size_t n = cache_line / sizeof(T);
  alignas(cache_line) T zs[n] = {z}, as[n] = {apply_one(k, a, z)}, slope[n] = {1};
  k.activations[a].multiply_slope(zs, as, slope, n, 1, n);
  return slope[0];
}

template <class T>
void test_special_values(const Kernels<T>& k) {
  constexpr T huge = std::numeric_limits<T>::max(), denormal = std::numeric_limits<T>::denorm_min();
  struct Case {
    Activation activation;
    T x, expected;
  };
  const T sigmoid_end = sizeof(T) == 4 ? T(-89) : T(-710);
  for (const Case& c : std::initializer_list<Case>{
           {Activation::exponential, infinity<T>, infinity<T>},
           {Activation::exponential, huge, infinity<T>},
           {Activation::exponential, -infinity<T>, 0},
           {Activation::exponential, -huge, 0},
           {Activation::exponential, 0, 1},
           {Activation::exponential, denormal, 1},
           {Activation::elu, infinity<T>, infinity<T>},
           {Activation::elu, -infinity<T>, -1},
           {Activation::elu, -huge, -1},
           {Activation::elu, -denormal, -denormal},
           {Activation::tanh, infinity<T>, 1},
           {Activation::tanh, -infinity<T>, -1},
           {Activation::tanh, huge, 1},
           {Activation::tanh, -huge, -1},
           {Activation::tanh, denormal, denormal},
           {Activation::sigmoid, infinity<T>, 1},
           {Activation::sigmoid, -infinity<T>, 0},
           {Activation::sigmoid, sigmoid_end, 0},
           {Activation::sigmoid, 0, T(0.5)},
           {Activation::silu, infinity<T>, infinity<T>},
           {Activation::silu, huge, huge},
           {Activation::silu, -huge, 0},
           {Activation::silu, -infinity<T>, 0},
           {Activation::mish, infinity<T>, infinity<T>},
           {Activation::mish, huge, huge},
           {Activation::mish, -huge, 0},
           {Activation::mish, -infinity<T>, 0},
           {Activation::gelu_tanh, infinity<T>, infinity<T>},
           {Activation::gelu_tanh, huge, huge},
           {Activation::gelu_tanh, -huge, 0},
           {Activation::gelu_tanh, -infinity<T>, 0},
           {Activation::relu6, infinity<T>, 6},
           {Activation::relu6, T(6), 6},
           {Activation::relu6, T(5.5), T(5.5)},
           {Activation::relu6, -infinity<T>, 0},
           {Activation::gelu, infinity<T>, infinity<T>},
           {Activation::gelu, huge, huge},
           {Activation::gelu, -huge, 0},
           {Activation::gelu, -infinity<T>, 0},
           {Activation::softplus, infinity<T>, infinity<T>},
           {Activation::softplus, -infinity<T>, 0},
           {Activation::softplus, huge, huge},
       }) {
    CAPTURE(std::string(name(c.activation)));
    CAPTURE(double(c.x));
    CHECK(apply_one(k, c.activation, c.x) == c.expected);
  }
  for (const Activation a :
       {Activation::silu, Activation::gelu, Activation::gelu_tanh, Activation::mish}) {
    CAPTURE(std::string(name(a)));
    for (const T far : {huge, infinity<T>}) {
      CHECK(slope_one(k, a, far) == 1);
      CHECK(slope_one(k, a, -far) == 0);
    }
    CHECK(slope_one(k, a, T(0)) == (a == Activation::mish ? T(0.6) : T(0.5)));
    CHECK(std::isnan(slope_one(k, a, nan<T>)));
  }
  CHECK(std::signbit(apply_one(k, Activation::tanh, T(-0.0))));
  for (std::size_t a = 0; a < activation_count; ++a) {
    CAPTURE(std::string(name(Activation(a))));
    CHECK(std::isnan(apply_one(k, Activation(a), nan<T>)));
    CHECK(std::isnan(apply_one(k, Activation(a), -nan<T>)));
  }
}

}  // namespace

TEST_CASE("activations and their slopes, to units in the last place, float32") {
  test_activations<float>();
}

TEST_CASE("elementary functions, to units in the last place, float32") { test_functions<float>(); }

// Where long double is no wider there is nothing to compare with.
constexpr bool has_wider = std::numeric_limits<long double>::digits > 53;

TEST_CASE("activations and their slopes, to units in the last place, float64" *
          doctest::skip(!has_wider)) {
  test_activations<double>();
}

TEST_CASE("elementary functions, to units in the last place, float64" * doctest::skip(!has_wider)) {
  test_functions<double>();
}

TEST_CASE("special values of the activations") {
  for (const InstructionSet* set : available_instruction_sets()) {
    CAPTURE(std::string(set->name));
    test_special_values(set->f32);
    test_special_values(set->f64);
  }
}

}  // namespace test_math
