#include "parallel.hpp"

#include <atomic>
#include <exception>
#include <string>
#include <thread>
#include <vector>

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

// What OpenMP grants this thread now: OMP_NUM_THREADS, the processors, or what others in the
// process (threadpoolctl, say) have asked of it since.
int granted_threads() noexcept {
#ifdef _OPENMP
  return std::max(1, omp_get_max_threads());
#else
  static const int processors = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  return processors;
#endif
}

const int granted_at_first = granted_threads();
std::atomic<int> chosen{0};  // by set_num_threads; 0 before its first call

// The GNU OpenMP runtime does not survive a fork: a child that asks its parent's team to work
// waits for ever.
std::atomic<bool> forked{false};

[[maybe_unused]] const bool watches_forks = [] {
#if defined(__unix__) || defined(__APPLE__)
  pthread_atfork(nullptr, nullptr, [] { forked = true; });
#endif
  return true;
}();

// Calls member(number), which may not throw, on so many threads at once, or on fewer where the
// system grants no more; number 0 is the caller. The threads are OpenMP's, which stay alive from
// call to call; without OpenMP, and in a forked child, they are made anew.
template <class Member>
void team(int threads, Member member) {
#ifdef _OPENMP
  if (!forked) {
#pragma omp parallel num_threads(threads)
    member(omp_get_thread_num());
    return;
  }
#endif
  std::vector<std::thread> others;
  try {
    others.reserve(static_cast<std::size_t>(threads));
    for (int number = 1; number < threads; ++number) others.emplace_back(member, number);
  } catch (...) {  // the system has no more
  }
  member(0);
  for (std::thread& thread : others) thread.join();
}

// The crew that this thread leads, if it leads one.
thread_local Crew* crew = nullptr;

}  // namespace

int max_threads() noexcept {
  const int granted = granted_threads(), wanted = chosen;
  if (wanted == 0) return granted;
  return granted < granted_at_first ? std::min(wanted, granted) : wanted;
}

int num_threads() noexcept { return max_threads(); }

void set_num_threads(int n) {
  if (n < 1) {
    throw InvalidArgument("the number of threads is " + std::to_string(n) + "; expected 1 or more");
  }
  chosen = n;
}

double thread_grain() noexcept { return crew ? crew_grain : team_grain; }

void with_crew(int threads, void (*lead)(void* context), void* context) {
  threads = std::min(threads, Crew::max_claims);
  if (threads < 2 || crew) return lead(context);
  Crew members;
  std::exception_ptr error;
  team(threads, [&](int number) noexcept {
    if (number > 0) return members.stand_by(number);
    crew = &members;
    try {
      lead(context);
    } catch (...) {
      error = std::current_exception();
    }
    crew = nullptr;
    members.dismiss();
  });
  if (error) std::rethrow_exception(error);
}

void run_parts(int parts, void (*body)(void* context, int part), void* context) {
  if (crew) return crew->run(parts, body, context);
  std::atomic<int> next{0};
  std::atomic_flag failed = ATOMIC_FLAG_INIT;
  std::exception_ptr error;
  team(parts, [&](int) noexcept {
    for (int part = next++; part < parts; part = next++) {
      try {
        body(context, part);
      } catch (...) {
        if (!failed.test_and_set()) error = std::current_exception();
      }
    }
  });
  if (error) std::rethrow_exception(error);
}

}  // namespace nncore
