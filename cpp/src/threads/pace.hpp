// How many threads of a pool work: fewer while that is faster.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

namespace nncore {

// On a busy machine, a thread that is preempted within its part holds up all others while other
// programs run. That takes some milliseconds, in which one thread alone would finish hundreds of
// small mini-batches. The pool says for how long it was held up so. If that is much, the leader
// measures: it lets half of the threads rest for a short time, and keeps what was faster. Later it
// tries from time to time whether they can come back; the longer nothing has changed, the seldomer.
// Processors that share a core, or a host, lose in ways of their own, which hold nobody up: for
// them it also tries fewer threads without such a reason, but hardly ever.
// Results do not depend on who does which part.
//
// The leader's alone. Times are in about nanoseconds: half or twice as many do no harm.
class Pace {
 public:
  static constexpr std::uint64_t millisecond = 1'000'000;
  // Each time that is measured, at least: some turns of programs that share a processor.
  static constexpr std::uint64_t window = 10 * millisecond;
  static constexpr std::uint64_t first_stay = 4 * window, most_stay = 128 * window;

  // A clock that takes some nanoseconds to read.
  static std::uint64_t clock() {
#if defined(__x86_64__) || defined(__i386__)
    return __rdtsc() / 2;
#else
    return static_cast<std::uint64_t>(
        std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count());
#endif
  }

  // A run begins, each of whose beats is so much work. What was measured of others is of no use.
  void begin(double work, std::uint64_t now) {
    since_ = now;
    if (work == work_) return;
    work_ = work;
    stay_ = 0;
    stayed_ = 0;
    enter(Phase::stay);
  }

  // Threads that work now, of a pool of that many.
  int members(int threads) const {
    const bool trial = phase_ == Phase::trial || phase_ == Phase::second_trial;
    return std::max(1, threads >> (trial ? candidate_ : halvings_));
  }

  // The others kept the leader waiting for so long, more than sharing work among them explains.
  void held_up(std::uint64_t time) { held_up_ += time; }

  // The next piece of work is done.
  void beat(int threads, std::uint64_t now) {
    passed_ += now - since_;
    since_ = now;
    ++beats_;
    if (passed_ < window || beats_ < 2) return;
    const double rate = beats_ / static_cast<double>(passed_);
    switch (phase_) {
      case Phase::stay:
        return stay(threads, rate);
      case Phase::usual:
        usual_rate_ = rate;
        return enter(Phase::trial);
      case Phase::trial:
        if (has_reason_ || !is_better(rate)) return decide(is_better(rate));
        return enter(Phase::second_usual);
      case Phase::second_usual:
        usual_rate_ = std::max(usual_rate_, rate);
        return enter(Phase::second_trial);
      case Phase::second_trial:
        return decide(is_better(rate));
    }
  }

 private:
  enum class Phase { stay, usual, trial, second_usual, second_trial };

  // Goes on as before, or tries another number of threads.
  void stay(int threads, double rate) {
    stayed_ += passed_;
    const bool fewer_possible = threads >> halvings_ > 1;
    has_reason_ = fewer_possible && held_up_ > passed_ / 8 && stayed_ >= stay_;
    if (has_reason_) {
      candidate_ = halvings_ + 1;
      usual_rate_ = rate;
      return enter(Phase::trial);
    }
    if (threads > 1 && stayed_ >= (halvings_ > 0 ? std::max(stay_, first_stay) : most_stay)) {
      const bool fewer = halvings_ == 0 || (fewer_next_ && fewer_possible);
      candidate_ = fewer ? halvings_ + 1 : halvings_ - 1;
      fewer_next_ = !fewer;
      return enter(Phase::usual);
    }
    enter(Phase::stay);
  }

  // By more than what a quiet machine's noise can feign.
  bool is_better(double rate) const {
    return rate > (candidate_ > halvings_ ? 1.05 : 1.02) * usual_rate_;
  }

  void enter(Phase phase) {
    phase_ = phase;
    passed_ = 0;
    held_up_ = 0;
    beats_ = 0;
  }

  void decide(bool better) {
    if (better) {
      halvings_ = candidate_;
      stay_ = first_stay;
    } else if (has_reason_ || halvings_ > 0) {
      stay_ = std::clamp(2 * stay_, first_stay, most_stay);
    }
    stayed_ = 0;
    enter(Phase::stay);
  }

  int halvings_ = 0, candidate_ = 0;
  bool fewer_next_ = false, has_reason_ = false;
  Phase phase_ = Phase::stay;
  std::uint64_t stay_ = 0, stayed_ = 0;  // before the next trial; since the last one
  std::uint64_t since_ = 0, passed_ = 0, held_up_ = 0;
  double beats_ = 0, usual_rate_ = 0, work_ = 0;
};

}  // namespace nncore
