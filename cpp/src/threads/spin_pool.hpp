// Threads that stand by for the short parallel loops of a training run.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <limits>
#include <thread>
#include <utility>

#include "threads/pace.hpp"

namespace nncore {

// One leader hands out jobs; each job has parts, and a part is done by whoever claims it first
// (of more than max_claims parts, one claim takes every max_claims-th).
// A worker claims the parts of its own number, so that the same thread sees the same piece of a
// matrix again and again; the leader also takes what nobody has claimed yet, so that a worker
// that was preempted holds nothing up before it has begun. How many work is the
// pace's matter; the others sleep.
class SpinPool {
 public:
  static constexpr int max_claims = 32;
  using Body = void (*)(void* context, int part);

  // Of so many threads, the leader among them; the pace is the leader's.
  SpinPool(int threads, Pace& pace)
      : threads_(threads), pace_(pace), active_(pace.members(threads)) {}

  // The leader's: whether all but the leader rest now.
  bool leader_is_alone() const { return members() == 1; }

  // The leader's: as much work is done as between the last two calls. From now on no more than so
  // many threads work.
  void beat(int most = max_claims) {
    most_ = std::max(1, most);
    pace_.beat(threads_, Pace::clock());
    set_active(members());
  }

  // The leader's: does all parts, with the workers' help. Rethrows the first exception.
  void run(int parts, Body body, void* context) {
    const int active = active_.load(std::memory_order_relaxed);
    const int claims = std::min(parts, max_claims);
    body_ = body;
    context_ = context;
    parts_ = parts;
    pending_.store(claims, std::memory_order_relaxed);
    ++job_;
    const std::uint64_t unclaimed = (std::uint64_t{1} << claims) - 1;
    state_.store(job_ << 32 | unclaimed, std::memory_order_release);
    const auto take = [&](int part) {
      if (claim(job_, part)) work(part);
    };
    for (int part = 0; part < claims; part += active) take(part);
    for (int part = 0; part < claims; ++part) take(part);
    wait_for_others();
    if (failed_.exchange(false)) std::rethrow_exception(std::exchange(error_, nullptr));
  }

  void shutdown() {
    shut_down_.store(true, std::memory_order_release);
    set_active(std::numeric_limits<int>::max());  // wakes all
  }

  // A worker's life, number 1 and up, until it is shut down.
  void worker_loop(int number) {
    std::uint64_t seen = 0;
    for (int spin = 0; !shut_down_.load(std::memory_order_acquire); ++spin) {
      const std::uint64_t state = state_.load(std::memory_order_acquire), job = state >> 32;
      const int active = active_.load(std::memory_order_acquire);
      if (number >= active) {
        active_.wait(active, std::memory_order_acquire);
        spin = 0;
        continue;
      }
      if (job == seen) {
        wait(spin);
        continue;
      }
      seen = job;
      spin = 0;
      for (int part = number; part < max_claims && state >> part & 1; part += active) {
        if (claim(job, part)) work(part);
      }
    }
  }

 private:
  int members() const { return std::min(most_, pace_.members(threads_)); }

  void set_active(int active) {
    const int before = active_.load(std::memory_order_relaxed);
    if (active == before) return;
    active_.store(active, std::memory_order_release);
    if (active > before) active_.notify_all();
  }

  // Takes a part of that job, unless it is taken or the job is over.
  bool claim(std::uint64_t job, int part) {
    const std::uint64_t bit = std::uint64_t{1} << part;
    std::uint64_t state = state_.load(std::memory_order_acquire);
    while (state >> 32 == (job & 0xFFFFFFFFu) && (state & bit)) {
      if (state_.compare_exchange_weak(state, state & ~bit, std::memory_order_acq_rel)) {
        return true;
      }
    }
    return false;
  }

  void work(int part) {
    try {
      for (; part < parts_; part += max_claims) body_(context_, part);
    } catch (...) {
      if (!failed_.exchange(true)) error_ = std::current_exception();
    }
    pending_.fetch_sub(1, std::memory_order_acq_rel);
  }

  // The leader's, which tells its pace of waits that are long.
  void wait_for_others() {
    std::uint64_t begin = 0;
    for (int spin = 0; pending_.load(std::memory_order_acquire) > 0; ++spin) {
      if (spin == most_spins) begin = Pace::clock();
      wait(spin);
    }
    if (begin != 0) pace_.held_up(Pace::clock() - begin);
  }

  // Spins for some microseconds, then lets others have the processor.
  static constexpr int most_spins = 2000;
  static void wait(int spin) {
    if (spin > most_spins) {
      std::this_thread::yield();
      return;
    }
#if defined(__x86_64__) || defined(__i386__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  // Each on a cache line of its own: one is written by the leader, one by all at the end.
  alignas(64) std::atomic<std::uint64_t> state_{0};  // number of the job << 32 | unclaimed parts
  alignas(64) std::atomic<int> pending_{0};          // parts that are not done
  alignas(64) std::atomic<bool> shut_down_{false};
  const int threads_;
  Pace& pace_;
  int most_ = max_claims;
  std::atomic<int> active_;  // threads that work now: the leader and the first workers
  Body body_ = nullptr;
  void* context_ = nullptr;
  int parts_ = 0;
  std::uint64_t job_ = 0;
  std::atomic<bool> failed_{false};
  std::exception_ptr error_;
};

}  // namespace nncore
