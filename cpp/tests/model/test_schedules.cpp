// Learning-rate schedules: their rates, their names, and what is refused.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "nncore/nncore.hpp"

using namespace nncore;

namespace test_schedules {
namespace {

// The rates of the first epochs.
std::vector<double> rates(const ScheduleOptions& options, std::uint64_t epochs) {
  std::vector<double> found;
  for (std::uint64_t epoch = 0; epoch < epochs; ++epoch) {
    found.push_back(learning_rate(options, epoch));
  }
  return found;
}

void check_near(const std::vector<double>& found, const std::vector<double>& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CHECK(std::abs(found[i] - expected[i]) <= 1e-15 * expected[0]);
  }
}

std::string refusal(const ScheduleOptions& options) {
  try {
    learning_rate(options, 0);
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("rates agree with values computed by hand") {
  check_near(rates({Schedule::constant, {0.5}}, 3), {0.5, 0.5, 0.5});
  check_near(rates({Schedule::step, {1, 0.5, 2}}, 6), {1, 1, 0.5, 0.5, 0.25, 0.25});
  check_near(rates({Schedule::exponential, {2, 0.5}}, 4), {2, 1, 0.5, 0.25});
  check_near(rates({Schedule::inverse_scaling, {1, 1}}, 4), {1, 1 / 2.0, 1 / 3.0, 1 / 4.0});
  const double half = std::sqrt(0.5);  // cos(pi / 4)
  check_near(rates({Schedule::cosine, {1, 5, 0.2}}, 7),
             {1, 0.6 + 0.4 * half, 0.6, 0.6 - 0.4 * half, 0.2, 0.2, 0.2});
  check_near(rates({Schedule::cosine, {1, 1}}, 2), {1, 0});
  // From 1/4 up to 1 in two epochs, down to 1/8 in the four that follow.
  check_near(
      rates({Schedule::one_cycle, {1, 7, 1 / 3.0, 4, 2}}, 8),
      {0.25, 0.625, 1, 0.5625 + 0.4375 * half, 0.5625, 0.5625 - 0.4375 * half, 0.125, 0.125});
}

TEST_CASE("omitted hyperparameters have their defaults") {
  CHECK(learning_rate({Schedule::step, {0.8}}, 10) == 0.4);
  CHECK(learning_rate({Schedule::step, {0.8}}, 9) == 0.8);
  CHECK(learning_rate({Schedule::exponential, {0.8}}, 1) == 0.8 * 0.95);
  CHECK(learning_rate({Schedule::inverse_scaling, {0.8}}, 3) == 0.4);
  CHECK(learning_rate({Schedule::cosine, {0.8, 5}}, 4) == 0);
  const std::vector<double> cycle = rates({Schedule::one_cycle, {0.5, 11}}, 11);
  check_near({cycle[3], cycle[0], cycle[10]}, {0.5, 0.02, 2e-6});
}

TEST_CASE("the largest epoch numbers have a rate") {
  const auto last = std::numeric_limits<std::uint64_t>::max();
  CHECK(learning_rate({Schedule::step, {1}}, last) == 0);
  CHECK(learning_rate({Schedule::exponential, {1}}, last) == 0);
  CHECK(learning_rate({Schedule::inverse_scaling, {1, 0}}, last) == 1);
  CHECK(learning_rate({Schedule::cosine, {1, 5, 0.25}}, last) == 0.25);
  CHECK(learning_rate({Schedule::one_cycle, {1, 5}}, last) > 0);
}

TEST_CASE("schedules and their hyperparameters have names") {
  for (const std::string_view known : all_names<Schedule>()) {
    CHECK(name(from_name<Schedule>(known)) == known);
    ScheduleOptions options{from_name<Schedule>(known)};
    for (const Hyperparameter& h : hyperparameters(options.schedule)) {
      set_hyperparameter(options, h.name, h.value == 0 ? 5 : h.value);
    }
    CHECK(learning_rate(options, 0) > 0);
  }
  ScheduleOptions options{Schedule::step};
  set_hyperparameter(options, "every", 2);
  set_hyperparameter(options, "rate", 0.25);
  CHECK(options.hyperparameters == std::vector<double>{0.25, 0.5, 2});
  CHECK_THROWS_WITH_AS(
      set_hyperparameter(options, "epochs", 9),
      "the schedule step has no hyperparameter 'epochs'; it takes rate, factor, every",
      InvalidArgument);
  CHECK_THROWS_WITH_AS(from_name<Schedule>("stairs"),
                       "unknown schedule 'stairs'; expected one of constant, step, exponential, "
                       "inverse_scaling, cosine, one_cycle",
                       InvalidArgument);
}

TEST_CASE("hyperparameters out of range are refused") {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  CHECK(refusal({}) == "rate is 0; expected a finite number above 0");
  CHECK(refusal({Schedule::constant, {-0.5}}) == "rate is -0.5; expected a finite number above 0");
  CHECK(refusal({Schedule::constant, {nan}}) == "rate is nan; expected a finite number above 0");
  CHECK(refusal({Schedule::constant, {infinity}}) ==
        "rate is inf; expected a finite number above 0");
  CHECK(refusal({Schedule::constant, {1, 2}}) ==
        "there are 2 hyperparameters; the schedule constant takes 1");
  CHECK(refusal({Schedule::step, {1, 0}}) == "factor is 0; expected a finite number above 0");
  CHECK(refusal({Schedule::step, {1, 0.5, 1.5}}) ==
        "every is 1.5; expected a whole number, 1 or more");
  CHECK(refusal({Schedule::cosine, {1}}) == "epochs is 0; expected a whole number, 1 or more");
  CHECK(refusal({Schedule::cosine, {1, 5, -1}}) ==
        "final is -1; expected a finite number, 0 or more");
  CHECK(refusal({Schedule::one_cycle, {1, 5, 1}}) ==
        "rise is 1; expected a number above 0 and less than 1");
  CHECK(refusal({Schedule::one_cycle, {1, 5, 0.5, 0.5}}) ==
        "start_factor is 0.5; expected a finite number, 1 or more");
}

}  // namespace test_schedules
