#include "parallel.hpp"

#include <atomic>
#include <exception>
#include <string>

#include "crew.hpp"
#include "nncore/error.hpp"
#include "nncore/runtime.hpp"

#ifdef _OPENMP
#include <omp.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace nncore {
namespace {

int default_threads() noexcept {
#ifdef _OPENMP
  return std::max(1, omp_get_max_threads());
#else
  return 1;
#endif
}

std::atomic<int>& limit() noexcept {
  static std::atomic<int> threads{default_threads()};
  return threads;
}

// The GNU OpenMP runtime does not survive a fork: a child that asks its parent's team to work
// waits for ever. A forked child therefore works on one thread.
std::atomic<bool> forked{false};

[[maybe_unused]] const bool watches_forks = [] {
#if defined(__unix__) || defined(__APPLE__)
  pthread_atfork(nullptr, nullptr, [] { forked = true; });
#endif
  return true;
}();

// The crew that this thread leads, if it leads one.
thread_local Crew* crew = nullptr;

}  // namespace

int max_threads() noexcept { return forked ? 1 : limit().load(); }

int num_threads() noexcept { return max_threads(); }

void set_num_threads(int n) {
  if (n < 1) {
    throw InvalidArgument("the number of threads is " + std::to_string(n) + "; expected 1 or more");
  }
#ifdef _OPENMP
  limit() = n;
#endif
}

double thread_grain() noexcept { return crew ? crew_grain : team_grain; }

void with_crew([[maybe_unused]] int threads, void (*lead)(void* context), void* context) {
#ifdef _OPENMP
  threads = std::min(threads, Crew::max_parts);
  if (threads > 1 && !forked && !crew) {
    Crew members;
    std::exception_ptr error;
#pragma omp parallel num_threads(threads)
    {
      if (omp_get_thread_num() == 0) {
        crew = &members;
        try {
          lead(context);
        } catch (...) {  // must not leave the parallel region
          error = std::current_exception();
        }
        crew = nullptr;
        members.dismiss();
      } else {
        members.stand_by(omp_get_thread_num());
      }
    }
    if (error) std::rethrow_exception(error);
    return;
  }
#endif
  lead(context);
}

void run_parts(int parts, void (*body)(void* context, int part), void* context) {
  if (crew && parts <= Crew::max_parts) return crew->run(parts, body, context);
#ifdef _OPENMP
  if (!forked) {
    std::exception_ptr error;
    std::atomic_flag failed = ATOMIC_FLAG_INIT;
#pragma omp parallel for num_threads(parts) schedule(static, 1)
    for (int part = 0; part < parts; ++part) {
      try {
        body(context, part);
      } catch (...) {  // must not leave the parallel region
        if (!failed.test_and_set()) error = std::current_exception();
      }
    }
    if (error) std::rethrow_exception(error);
    return;
  }
#endif
  for (int part = 0; part < parts; ++part) body(context, part);
}

}  // namespace nncore
