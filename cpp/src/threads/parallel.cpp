#include "threads/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <csetjmp>
#include <cstdlib>
#include <exception>
#include <limits>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "nncore/error.hpp"
#include "nncore/runtime.hpp"
#include "threads/spin_pool.hpp"
#include "threads/thread_supply.hpp"

#ifdef _OPENMP
#include <omp.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace nncore {
namespace {

// The first number of a list as OpenMP's variables hold them; 0 unless it is 1 or more.
int first_number(const char* list) noexcept {
  if (!list) return 0;
  const char* at = list;
  const auto skip_spaces = [&] {
    while (*at == ' ' || *at == '\t') ++at;
  };
  skip_spaces();
  if (*at == '+') ++at;
  long long number = 0;
  if (*at < '0' || *at > '9') return 0;
  for (; *at >= '0' && *at <= '9'; ++at) {
    number = std::min<long long>(number * 10 + (*at - '0'), std::numeric_limits<int>::max());
  }
  skip_spaces();
  return *at == '\0' || *at == ',' ? static_cast<int>(number) : 0;
}

}  // namespace

int threads_asked(const char* number, const char* limit, int processors) noexcept {
  const int wanted = first_number(number), most = first_number(limit);
  const int threads = wanted > 0 ? wanted : std::max(1, processors);
  return most > 0 ? std::min(threads, most) : threads;
}

namespace {

// What OpenMP grants this thread now: OMP_NUM_THREADS, the processors, or what others in the
// process (threadpoolctl, say) have asked of it since.
int granted_threads() noexcept {
#ifdef _OPENMP
  return std::max(1, omp_get_max_threads());
#else
  static const int asked =
      threads_asked(std::getenv("OMP_NUM_THREADS"), std::getenv("OMP_THREAD_LIMIT"),
                    static_cast<int>(std::thread::hardware_concurrency()));
  return asked;
#endif
}

const int granted_at_first = granted_threads();
std::atomic<int> chosen{0};  // by set_num_threads; 0 before its first call

// Threads that lead a training. A run within another one's callback counts once.
std::atomic<int> trainings{0};
thread_local int runs_here = 0;

struct CountedTraining {
  CountedTraining() {
    if (runs_here++ == 0) ++trainings;
  }
  ~CountedTraining() {
    if (--runs_here == 0) --trainings;
  }
  CountedTraining(const CountedTraining&) = delete;
  CountedTraining& operator=(const CountedTraining&) = delete;
};

// Forks between the process that loaded the library and this one. The threads of a parent are not
// in its child, which would wait for them for ever: neither may the GNU OpenMP runtime be asked
// again there, nor may a child that was forked within a team wait for the team's end.
std::atomic<unsigned> forks{0};

[[maybe_unused]] const bool watches_forks = [] {
#if defined(__unix__) || defined(__APPLE__)
  pthread_atfork(nullptr, nullptr, [] {
    ++forks;
    trainings = runs_here > 0;  // nobody else has come along
  });
#endif
  return true;
}();

#ifdef _OPENMP
// OpenMP ends the process where the system grants no thread. So it is asked for more threads than
// this thread's team has only where a trial has made as many; nobody else grows meanwhile.
thread_local int openmp_team = 1;
std::mutex openmp_growth;

template <class Member>
void openmp_region(const int threads, std::unique_lock<std::mutex>& growing, Member& member) {
  std::jmp_buf outside;
  if (setjmp(outside) != 0) return;
#pragma omp parallel num_threads(threads)
  {
    const int number = omp_get_thread_num();
    if (number == 0) {
      openmp_team = omp_get_num_threads();
      if (growing.owns_lock()) growing.unlock();
    }
    member(number);
    // A child that was forked by the member cannot leave by the region's end.
    if (number == 0 && forks != 0) std::longjmp(outside, 1);
  }
}

// Calls member(number) on OpenMP's threads; false where none can be had.
template <class Member>
bool openmp_team_runs(int threads, Member& member) {
  std::unique_lock growing(openmp_growth, std::defer_lock);
  if (threads > openmp_team) {
    growing.lock();
    if (!grants_threads(threads - openmp_team)) {
      if (openmp_team == 1) return false;
      growing.unlock();
      threads = openmp_team;
    }
  }
  openmp_region(threads, growing, member);
  return true;
}
#endif

// Calls member(number), which may not throw, on so many threads at once, or on fewer where the
// system grants no more; number 0 is the caller. The threads are OpenMP's, which stay alive from
// call to call; without OpenMP, in a forked child, and where there are hardly any threads to be
// had, they are made anew.
template <class Member>
void team(int threads, Member member) {
#ifdef _OPENMP
  if (omp_in_parallel()) return member(0);  // somebody else's threads are at work already
  if (forks == 0 && openmp_team_runs(threads, member)) return;
#endif
  const unsigned forks_before = forks;
  std::vector<std::thread> others;
  try {
    others.reserve(static_cast<std::size_t>(threads));
    for (int number = 1; number < threads; ++number) others.emplace_back(member, number);
  } catch (...) {  // the system has no more
  }
  member(0);
  if (forks != forks_before) {  // in the child of a fork by the member: they are not there
    new std::vector<std::thread>(std::move(others));
    return;
  }
  for (std::thread& thread : others) thread.join();
}

// The pool that this thread leads, if it leads one, and what it knows of the machine from those
// that it led before.
thread_local SpinPool* pool = nullptr;
thread_local Pace pace;

}  // namespace

int max_threads() noexcept {
  const int granted = granted_threads(), wanted = chosen;
  if (wanted == 0) return granted;
  return granted < granted_at_first ? std::min(wanted, granted) : wanted;
}

int share_of_threads() noexcept {
  const int others = trainings.load(std::memory_order_relaxed) - (runs_here > 0);
  return std::max(1, max_threads() / (others + 1));
}

int num_threads() noexcept { return max_threads(); }

void set_num_threads(int n) {
  if (n < 1) {
    throw InvalidArgument("the number of threads is " + std::to_string(n) + "; expected 1 or more");
  }
  chosen = n;
}

double thread_grain() noexcept {
  if (!pool) return team_grain;
  return pool->leader_is_alone() ? std::numeric_limits<double>::infinity() : pool_grain;
}

void with_spin_pool(int threads, double beat_work, void (*lead)(void* context), void* context) {
  const CountedTraining counted;
  threads = std::min(threads, SpinPool::max_claims);
  if (threads < 2 || pool) return lead(context);
  pace.begin(beat_work, Pace::clock());
  SpinPool members(threads, pace);
  std::exception_ptr error;
  team(threads, [&](int number) noexcept {
    if (number > 0) return members.worker_loop(number);
    pool = &members;
    try {
      lead(context);
    } catch (...) {
      error = std::current_exception();
    }
    pool = nullptr;
    members.shutdown();
  });
  if (error) std::rethrow_exception(error);
}

void pool_beat() noexcept {
  if (pool) pool->beat(share_of_threads());
}

void run_parts(int parts, void (*body)(void* context, int part), void* context) {
  if (pool) return pool->run(parts, body, context);
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
