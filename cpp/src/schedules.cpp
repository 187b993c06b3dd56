#include "nncore/schedules.hpp"

#include <utility>

#include "hyperparameters.hpp"
#include "schedules.hpp"

namespace nncore {
namespace {

template <std::size_t... I>
double rate_of(Schedule schedule, const double* p, double epoch, std::index_sequence<I...>) {
  double rate = 0;
  ((schedule == Schedule(I) ? void(rate = ScheduleFn<Schedule(I)>::rate(p, epoch)) : void()), ...);
  return rate;
}

}  // namespace

double learning_rate(const ScheduleOptions& options, std::uint64_t epoch) {
  const std::vector<double> p = completed(options.schedule, options.hyperparameters);
  check_ranges(options.schedule, p);
  return rate_of(options.schedule, p.data(), static_cast<double>(epoch),
                 std::make_index_sequence<schedule_count>{});
}

}  // namespace nncore
