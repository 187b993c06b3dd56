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
// small mini-batches. Processors that share a core, or a host, lose in ways of their
// own. So the leader measures: now and then it lets half of the threads rest, or come back, for
// two short times, and keeps what was faster. The longer nothing has changed, the seldomer.
// Results do not depend on who does which part.
//
// The leader's alone. Times are in about nanoseconds: half or twice as many do no harm.
class Pace {
 public:
  static constexpr std::uint64_t millisecond = 1'000'000;
  static constexpr std::uint64_t window = 5 * millisecond;  // each time that is measured, at least
  static constexpr std::uint64_t first_stay = 40 * millisecond, most_stay = 1280 * millisecond;

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
    stay_ = first_stay;
    enter(Phase::stay);
  }

  // Threads that work now, of a pool of that many.
  int members(int threads) const {
    const bool trial = phase_ == Phase::trial || phase_ == Phase::second_trial;
    return std::max(1, threads >> (trial ? candidate_ : halvings_));
  }

  // The next piece of work is done.
  void beat(int threads, std::uint64_t now) {
    passed_ += now - since_;
    since_ = now;
    ++beats_;
    if (passed_ < (phase_ == Phase::stay ? stay_ : window) || beats_ < 2) return;
    const double rate = beats_ / static_cast<double>(passed_);
    switch (phase_) {
      case Phase::stay:
        fewer_next_ = halvings_ == 0 || (fewer_next_ && threads >> halvings_ > 1);
        candidate_ = fewer_next_ ? halvings_ + 1 : halvings_ - 1;
        fewer_next_ = !fewer_next_;
        return enter(threads > 1 ? Phase::usual : Phase::stay);
      case Phase::usual:
        usual_rate_ = rate;
        return enter(Phase::trial);
      case Phase::trial:
        return is_better(rate) ? enter(Phase::second_usual) : decide(false);
      case Phase::second_usual:
        usual_rate_ = std::max(usual_rate_, rate);
        return enter(Phase::second_trial);
      case Phase::second_trial:
        return decide(is_better(rate));
    }
  }

 private:
  enum class Phase { stay, usual, trial, second_usual, second_trial };

  // Fewer threads must gain what a quiet machine's noise cannot feign; more need not.
  bool is_better(double rate) const {
    return rate > (candidate_ > halvings_ ? 1.05 : 1.0) * usual_rate_;
  }

  void enter(Phase phase) {
    phase_ = phase;
    passed_ = 0;
    beats_ = 0;
  }

  void decide(bool better) {
    if (better) halvings_ = candidate_;
    stay_ = better ? first_stay : std::min(2 * stay_, most_stay);
    enter(Phase::stay);
  }

  int halvings_ = 0, candidate_ = 0;
  bool fewer_next_ = true;
  Phase phase_ = Phase::stay;
  std::uint64_t stay_ = first_stay;  // before the next trial
  std::uint64_t since_ = 0, passed_ = 0;
  double beats_ = 0, usual_rate_ = 0, work_ = 0;
};

}  // namespace nncore
