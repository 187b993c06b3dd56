// In place of parallel.cpp where there are no threads (NNCORE_THREADS=OFF): one does it all.
#include <limits>
#include <string>

#include "nncore/error.hpp"
#include "nncore/runtime.hpp"
#include "threads/parallel.hpp"

namespace nncore {

int max_threads() noexcept { return 1; }
int share_of_threads() noexcept { return 1; }
int num_threads() noexcept { return 1; }

void set_num_threads(int n) {
  if (n < 1) {
    throw InvalidArgument("the number of threads is " + std::to_string(n) + "; expected 1 or more");
  }
}

double thread_grain() noexcept { return std::numeric_limits<double>::infinity(); }

void with_spin_pool(int, double, void (*lead)(void* context), void* context) { lead(context); }

void pool_beat() noexcept {}

void run_parts(int parts, void (*body)(void* context, int part), void* context) {
  for (int part = 0; part < parts; ++part) body(context, part);
}

}  // namespace nncore
