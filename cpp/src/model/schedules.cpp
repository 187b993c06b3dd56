#include "nncore/schedules.hpp"

#include "model/hyperparameters.hpp"
#include "model/schedules.hpp"
#include "model/visit.hpp"

namespace nncore {

double learning_rate(const ScheduleOptions& options, std::uint64_t epoch) {
  const std::vector<double> p = with_defaults(options.schedule, options.hyperparameters);
  check_ranges(options.schedule, p);
  return visit(options.schedule,
               [&](auto e) { return ScheduleFn<e>::rate(p.data(), static_cast<double>(epoch)); });
}

}  // namespace nncore
