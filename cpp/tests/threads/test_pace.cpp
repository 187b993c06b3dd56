// How many threads of a pool work, and that the others rest. Also run by ThreadSanitizer.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <set>
#include <thread>
#include <vector>

#include "threads/pace.hpp"
#include "threads/spin_pool.hpp"

using namespace nncore;

namespace test_pace {

TEST_CASE("threads rest while that is faster, and return") {
  constexpr int pool = 8;
  Pace pace;
  std::uint64_t now = 1;
  std::vector<std::uint64_t> time_with(pool + 1);
  // For each of these threads' beats, how much of its time the leader waits for others.
  double held_up = 0;
  const auto run = [&](std::uint64_t duration, auto time_of_beat) {
    time_with.assign(pool + 1, 0);
    for (const std::uint64_t end = now + duration; now < end; pace.beat(pool, now)) {
      const int members = pace.members(pool);
      const std::uint64_t time = time_of_beat(members);
      now += time;
      time_with[static_cast<std::size_t>(members)] += time;
      if (members > 1) pace.held_up(static_cast<std::uint64_t>(held_up * double(time)));
    }
  };
  constexpr std::uint64_t ms = Pace::millisecond;
  const auto quiet = [](int members) { return ms / std::uint64_t(members); };
  const auto busy = [](int members) { return (members == 1 ? 3 : std::uint64_t(members)) * ms; };
  const auto very_busy = [](int members) { return std::uint64_t(members) * ms / 10; };
  pace.begin(1, now);
  run(1'200 * ms, quiet);  // without a reason nothing is tried in a short run
  CHECK(time_with[8] >= 1'200 * ms);
  run(10'000 * ms, quiet);
  CHECK(time_with[8] > 9'800 * ms);
  held_up = 0.02;
  run(10'000 * ms, quiet);
  CHECK(time_with[8] > 9'800 * ms);
  held_up = 0.3;
  run(1'000 * ms, busy);  // two are the fastest
  CHECK(time_with[2] > 600 * ms);
  run(10'000 * ms, busy);
  CHECK(time_with[2] > 8'000 * ms);
  run(10'000 * ms, very_busy);
  CHECK(time_with[1] > 8'000 * ms);
  held_up = 0;
  run(20'000 * ms, quiet);
  CHECK(time_with[8] > 16'000 * ms);
  run(20'000 * ms, very_busy);  // although nobody is held up
  CHECK(time_with[1] > 10'000 * ms);
  run(20'000 * ms, quiet);
  CHECK(time_with[8] > 16'000 * ms);
  // Time between two runs does not count.
  for (int i = 0; i < 1000; ++i) {
    now += 1000 * ms;
    pace.begin(1, now);
    run(ms, quiet);
  }
  CHECK(pace.members(pool) >= 4);
  // In a pool of one, no thread can rest.
  Pace alone;
  for (int i = 0; i < 1000; ++i) alone.beat(1, now += ms);
  CHECK(alone.members(1) == 1);
}

TEST_CASE("a pool with resting threads runs all parts and shuts down all threads") {
  constexpr int threads = 4;
  for (const int working : {4, 2, 1}) {
    Pace pace;
    std::uint64_t now = 0;
    pace.begin(1, now);
    while (pace.members(threads) != working) {  // each thread less is faster
      pace.beat(threads, now += std::uint64_t(pace.members(threads)) * Pace::millisecond);
    }
    SpinPool pool(threads, pace);
    std::vector<std::thread> workers;
    for (int number = 1; number < threads; ++number) {
      workers.emplace_back([&pool, number] { pool.worker_loop(number); });
    }
    std::set<std::thread::id> seen;
    for (const int count : {1, 2, 4, 9, 32, 33, 100}) {
      for (int job = 0; job < 20; ++job) {
        std::vector<std::thread::id> by(static_cast<std::size_t>(count));
        pool.run(
            count,
            [](void* erased, int part) {
              (*static_cast<std::vector<std::thread::id>*>(erased))[std::size_t(part)] =
                  std::this_thread::get_id();
            },
            &by);
        seen.insert(by.begin(), by.end());
      }
    }
    CHECK(!seen.contains(std::thread::id()));
    CHECK(seen.size() <= std::size_t(working));
    pool.shutdown();
    for (std::thread& worker : workers) worker.join();
  }
}

}  // namespace test_pace
