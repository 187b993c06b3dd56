// Threads: teams and pools, concurrent networks, and refused calls. Also run by ThreadSanitizer.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "nncore/nncore.hpp"
#include "threads/parallel.hpp"
#include "threads/spin_pool.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <sys/wait.h>
#include <unistd.h>
#endif

using namespace nncore;

namespace test_threads {
namespace {

// Sets the number of threads for this test.
class UsingThreads {
 public:
  explicit UsingThreads(int n) { set_num_threads(n); }
  ~UsingThreads() { set_num_threads(usual_); }

 private:
  int usual_ = num_threads();
};

template <class F>
void parts(int count, F f) {
  run_parts(count, [](void* erased, int part) { (*static_cast<F*>(erased))(part); }, &f);
}

// Calls f twice: where every call makes a team, and where a pool is waiting.
template <class F>
void in_team_and_pool(int threads, F f) {
  const UsingThreads use(threads);
  f();
  with_spin_pool(threads, 1, [&] { f(); });
}

// Rows and labels, so many that several threads work on mini-batches of 100.
struct Problem {
  static constexpr std::size_t rows = 300, inputs = 60, outputs = 10;
  std::vector<float> x = std::vector<float>(rows * inputs);
  std::vector<std::int64_t> y = std::vector<std::int64_t>(rows);

  explicit Problem(std::size_t seed) {
    for (std::size_t i = 0; i < x.size(); ++i)
      x[i] = static_cast<float>(i * (37 + seed) % 128) / 64;
    for (std::size_t i = 0; i < rows; ++i) y[i] = static_cast<std::int64_t>(i * 7 % outputs);
  }
  Inputs<float> inputs_view() const {
    return MatrixView<const float>{x.data(), rows, inputs, inputs};
  }
  Samples<float> samples() const { return {inputs_view(), std::span<const std::int64_t>(y), {}}; }
};

Network<float> network_for(std::uint64_t seed) {
  Network<float> network({.sizes = {Problem::inputs, 130, 70, Problem::outputs},
                          .activations = {Activation::relu, Activation::tanh, Activation::softmax},
                          .cost = Cost::log_likelihood},
                         seed);
  network.initialize(std::vector(3, Initializer::glorot_uniform));
  return network;
}

std::vector<float> trained(std::uint64_t seed) {
  const Problem problem(static_cast<std::size_t>(seed));
  Network<float> network = network_for(seed);
  Trainer<float> trainer(
      network, {.batch_size = 100, .optimizer = Optimizer::adam, .dropout = {0.1, 0.5, 0.5}});
  const Dataset<float> data(network, problem.samples());
  for (int epoch = 0; epoch < 2; ++epoch) trainer.epoch(data, {.learning_rate = 0.01});
  return {network.parameters().begin(), network.parameters().end()};
}

std::vector<float> predicted(const Network<float>& network, const Problem& problem) {
  std::vector<float> out(Problem::rows * Problem::outputs);
  network.feedforward(problem.inputs_view(),
                      {out.data(), Problem::rows, Problem::outputs, Problem::outputs});
  return out;
}

}  // namespace

TEST_CASE("parts run at once, each on a thread of its own") {
  // A new thread's pool starts with all its threads, however busy the machine was before.
  const auto in_new_thread = [](auto f) { std::thread([&] { in_team_and_pool(4, f); }).join(); };
  in_new_thread([] {
    std::atomic<int> arrived{0};
    std::vector<std::thread::id> threads(4);
    parts(4, [&](int part) {
      threads[static_cast<std::size_t>(part)] = std::this_thread::get_id();
      for (++arrived; arrived < 4;) std::this_thread::yield();  // until all four are here
    });
    CHECK(std::set(threads.begin(), threads.end()).size() == 4);
  });
}

// Trains beside others until `enough` says so, which is called after every mini-batch.
template <class F>
void train_until(F enough) {
  const Problem problem(1);
  Network<float> network = network_for(1);
  Trainer<float> trainer(network, {.batch_size = 100});
  const Dataset<float> data(network, problem.samples());
  for (bool ended = false; !ended;) {
    trainer.epoch(data,
                  {.learning_rate = 0.01,
                   .should_stop = [&] { return ended; },
                   .after_mini_batch = [&](const MiniBatchCost&) { ended = ended || enough(); }});
  }
}

// Threads that take parts of the calling thread's jobs, which are long enough for all to come.
std::size_t threads_at_work() {
  std::mutex mutex;
  std::set<std::thread::id> seen;
  for (int job = 0; job < 5; ++job) {
    parts(8, [&](int) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      const std::lock_guard lock(mutex);
      seen.insert(std::this_thread::get_id());
    });
  }
  return seen.size();
}

void wait_until(const std::atomic<int>& count, int wanted) {
  while (count < wanted) std::this_thread::yield();
}

TEST_CASE("trainings that run at once share the threads, and get them back") {
  const UsingThreads use(6);
  CHECK(share_of_threads() == 6);
  std::atomic<int> stage{0};  // 1: the first one trains, 2: the second one, too, 3: that was seen
  int alone = 0, beside = 0;
  std::size_t at_work = 100;
  std::thread first([&] {
    int mini_batch = 0;
    train_until([&] {
      if (++mini_batch == 1) {
        alone = share_of_threads();
        stage = 1;
        wait_until(stage, 2);
        beside = share_of_threads();
        return false;
      }
      at_work = threads_at_work();  // of the pool, which had six threads before
      stage = 3;
      return true;
    });
  });
  std::thread second([&] {
    wait_until(stage, 1);
    train_until([&] {
      stage = 2;
      wait_until(stage, 3);
      return true;
    });
  });
  first.join();
  second.join();
  CHECK(alone == 6);
  CHECK(beside == 3);
  CHECK(at_work <= 3);
  CHECK(share_of_threads() == 6);
}

TEST_CASE("more trainings than threads get one each, and so does who reads beside them") {
  const UsingThreads use(3);
  std::atomic<int> running{0}, checked{0}, wrong{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 5; ++i) {
      threads.emplace_back([&] {
        train_until([&] {
          ++running;
          wait_until(running, 5);
          wrong += share_of_threads() != 1;
          ++checked;
          wait_until(checked, 6);
          return true;
        });
      });
    }
    wait_until(checked, 5);
    CHECK(share_of_threads() == 1);
    ++checked;
  }
  CHECK(wrong == 0);
  CHECK(share_of_threads() == 3);
}

TEST_CASE("a training within another one's callback counts once") {
  const UsingThreads use(4);
  int within = 0;
  train_until([&] {
    train_until([&] { return within = share_of_threads(), true; });
    return true;
  });
  CHECK(within == 4);
  CHECK_THROWS_AS(train_until([]() -> bool { throw std::runtime_error("stop"); }),
                  std::runtime_error);
  CHECK(share_of_threads() == 4);
}

TEST_CASE("every part runs once, and its writes are visible") {
  in_team_and_pool(3, [] {
    for (const int count : {1, 2, 3, 31, 32, 33, 100}) {
      std::vector<int> runs(static_cast<std::size_t>(count));
      for (int job = 1; job <= 5; ++job) {
        parts(count, [&](int part) { ++runs[static_cast<std::size_t>(part)]; });
        REQUIRE(runs == std::vector<int>(static_cast<std::size_t>(count), job));
      }
    }
  });
}

TEST_CASE("every task runs once, and no part runs two of them at once") {
  in_team_and_pool(4, [] {
    for (const int threads : {1, 2, 3, 4}) {
      for (const std::size_t count : {0, 1, 2, 3, 7, 33, 100}) {
        std::vector<std::atomic<int>> runs(count);
        std::vector<std::atomic<int>> at_work(static_cast<std::size_t>(threads));
        std::atomic<bool> apart{true};
        for_each_task(count, threads, [&](std::size_t i, std::size_t part) {
          if (part >= at_work.size() || ++at_work[part] != 1) apart = false;
          ++runs[i];
          --at_work[part];
        });
        CHECK(apart);
        CHECK(std::all_of(runs.begin(), runs.end(), [](const auto& n) { return n == 1; }));
      }
    }
  });
}

TEST_CASE("exceptions reach the caller, and the threads stay usable") {
  in_team_and_pool(3, [] {
    for (int job = 0; job < 20; ++job) {
      std::atomic<int> runs{0};
      const auto fail = [&](int part) {
        ++runs;
        if (part == job % 6) throw std::runtime_error("part");
      };
      CHECK_THROWS_WITH_AS(parts(6, fail), "part", std::runtime_error);
      CHECK(runs == 6);
    }
  });
  CHECK_THROWS_WITH_AS(with_spin_pool(3, 1, [] { throw std::runtime_error("leader"); }), "leader",
                       std::runtime_error);
  in_team_and_pool(3, [] { parts(3, [](int) {}); });
}

TEST_CASE("networks trained concurrently have the same bits as alone") {
  const UsingThreads use(3);
  const std::vector<std::vector<float>> alone = {trained(1), trained(2), trained(3)};
  std::vector<std::vector<float>> found(3);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < 3; ++i) {
      threads.emplace_back([&, i] { found[i] = trained(i + 1); });
    }
  }
  CHECK(found == alone);
  CHECK(alone[0] != alone[1]);
}

TEST_CASE("many threads predict with one network, each with a team of its own") {
  const UsingThreads use(2);
  const Problem problem(1);
  const Network<float> network = network_for(1);
  const std::vector<float> expected = predicted(network, problem);
  std::vector<int> equal(4, 0);
  {
    std::vector<std::jthread> threads;
    for (int& count : equal) {
      threads.emplace_back([&] {
        for (int i = 0; i < 20; ++i) count += predicted(network, problem) == expected;
      });
    }
  }
  CHECK(equal == std::vector<int>(4, 20));
}

TEST_CASE("concurrent trainers and readers of one network are served or get an error") {
  const UsingThreads use(2);
  const Problem problem(1);
  Network<float> network = network_for(1);
  const Dataset<float> data(network, problem.samples());
  std::atomic<int> trained{0}, read{0}, copied{0};
  const auto until_served = [&](auto call, std::atomic<int>& served) {
    for (int i = 0; i < 5;) {
      try {
        call();
        ++served;
        ++i;
      } catch (const BusyError&) {
        std::this_thread::yield();
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&] {
        Trainer<float> trainer(network, {.batch_size = 100});
        until_served([&] { trainer.epoch(data, {.learning_rate = 0.01}); }, trained);
      });
      threads.emplace_back([&] { until_served([&] { predicted(network, problem); }, read); });
      threads.emplace_back([&] { until_served([&] { Network<float>{network}; }, copied); });
    }
  }
  CHECK(trained == 10);
  CHECK(read == 10);
  CHECK(copied == 10);
  CHECK(network.epoch() == 10);
  CHECK(network.all_finite());
}

TEST_CASE("other threads may ask how far training is") {
  const Problem problem(1);
  Network<float> network = network_for(1);
  const Dataset<float> data(network, problem.samples());
  Trainer<float> trainer(network, {.batch_size = 20});
  std::atomic<bool> ended{false};
  std::vector<std::uint64_t> seen;
  {
    const std::jthread watcher([&] {
      while (!ended) {
        if (seen.empty() || seen.back() != trainer.steps()) seen.push_back(trainer.steps());
        std::this_thread::yield();
      }
    });
    for (int epoch = 0; epoch < 3; ++epoch) trainer.epoch(data, {.learning_rate = 0.01});
    ended = true;
  }
  CHECK(std::is_sorted(seen.begin(), seen.end()));
  const Trainer<float> moved = std::move(trainer);
  CHECK(moved.steps() == 45);
}

#if defined(__unix__) || defined(__APPLE__)
TEST_CASE("locks that threads hold at a fork are free in the child") {
  Network<float> network = network_for(1);
  const auto session = std::make_unique<Network<float>::Session>(network);
  auto training = std::make_unique<Network<float>::TrainAccess>(network);
  const auto child_is_free = [&] {
    const pid_t child = fork();
    if (child == 0) {
      int wrong = 1;
      try {
        {
          const Network<float>::Session again(network);
          const Network<float>::TrainAccess access(network);
          wrong = 2;
        }
        training.reset();  // the parent's lock: releasing it must not release the child's
        const Network<float>::ReadAccess reading(network);
        wrong = 0;
      } catch (const BusyError&) {
      }
      _exit(wrong);
    }
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  };
  CHECK(child_is_free());
  CHECK_THROWS_AS(Network<float>::ReadAccess{network}, BusyError);
  training.reset();
  const Network<float>::ReadAccess reading(network);
  CHECK(child_is_free());
  CHECK_THROWS_AS(Network<float>::TrainAccess{network}, BusyError);
}
#endif

#if (defined(__unix__) || defined(__APPLE__)) && !defined(__SANITIZE_THREAD__)
TEST_CASE("a forked child shares no threads with its parent's trainings") {
  const UsingThreads use(4);
  std::atomic<int> stage{0};  // 1: another thread trains, 2: it may end
  const auto child_has = [](int threads) {
    const pid_t child = fork();
    if (child == 0) _exit(share_of_threads() == threads ? 0 : 1);
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  };
  {
    const std::jthread trainer([&] {
      train_until([&] {
        stage = 1;
        wait_until(stage, 2);
        return true;
      });
    });
    wait_until(stage, 1);
    CHECK(share_of_threads() == 2);
    CHECK(child_has(4));
    stage = 2;
  }
  bool within = false;
  train_until([&] { return within = child_has(4), true; });
  CHECK(within);
}

TEST_CASE("a child that is forked by a pool's leader finishes its run and starts others") {
  const std::vector<float> expected = trained(1);
  for (int round = 0; round < 2; ++round) {
    pid_t child = -1;
    const auto run_parts_of = [](int count) {
      std::atomic<int> runs{0};
      parts(count, [&](int) { ++runs; });
      return runs == count;
    };
    bool whole = true;
    with_spin_pool(3, 1, [&] {
      whole &= run_parts_of(7);
      child = fork();
      if (child == 0) alarm(60);  // ends a child that hangs
      whole &= run_parts_of(7);
    });
    if (child == 0) {
      whole &= run_parts_of(5);
      whole &= trained(1) == expected;
      _exit(whole ? 0 : 1);
    }
    REQUIRE(child > 0);
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    CHECK(whole);
    CHECK(trained(1) == expected);
  }
}
#endif

TEST_CASE("the environment's threads are read as OpenMP reads them") {
  CHECK(threads_asked(nullptr, nullptr, 8) == 8);
  CHECK(threads_asked(nullptr, nullptr, 0) == 1);  // the system does not know
  CHECK(threads_asked("3", nullptr, 8) == 3);
  CHECK(threads_asked(" 12 ", nullptr, 8) == 12);
  CHECK(threads_asked("4,2,1", nullptr, 8) == 4);
  CHECK(threads_asked("99999999999999999999", "5", 8) == 5);
  CHECK(threads_asked("6", "2", 8) == 2);
  CHECK(threads_asked(nullptr, "2", 8) == 2);
  CHECK(threads_asked(nullptr, "20", 8) == 8);
  for (const char* nonsense : {"", " ", "0", "-1", "many", "3x", "2.5", ",4"}) {
    CAPTURE(nonsense);
    CHECK(threads_asked(nonsense, nullptr, 8) == 8);
    CHECK(threads_asked("3", nonsense, 8) == 3);
  }
}

}  // namespace test_threads
