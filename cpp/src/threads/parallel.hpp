// Threads. The only door to OpenMP, which appears in parallel.cpp and nowhere else.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>

namespace nncore {

// The most threads a call may use; see runtime.hpp.
int max_threads() noexcept;

// The calling thread's share of them: those of this process that lead a training, itself counted,
// get equally many, and one at least. As long as nobody else trains, that is all.
int share_of_threads() noexcept;

// The number of threads in a build without OpenMP, which obeys the environment as OpenMP does: the
// first number of OMP_NUM_THREADS, else the number of processors; at most OMP_THREAD_LIMIT. Null,
// and what is no number from 1 up, counts as not set.
int threads_asked(const char* number, const char* limit, int processors) noexcept;

// Runs body(context, part) for part = 0 .. parts - 1, on threads of a pool where one is at work,
// else on OpenMP's. Rethrows the first exception once all have ended.
void run_parts(int parts, void (*body)(void* context, int part), void* context);

// Runs lead(context) on the calling thread with a pool of threads standing by: until it returns,
// its parallel loops are handed to them in a fraction of a microsecond, without a new parallel
// region. What lead throws passes through. Meanwhile the calling thread counts as one that leads a
// training.
void with_spin_pool(int threads, double beat_work, void (*lead)(void* context), void* context);

// lead calls pool_beat() whenever it has done so much work. From the time between two calls the
// pool learns how many of its threads pay (pace.hpp), and there it gives threads to trainings that
// have begun since.
template <class F>
void with_spin_pool(int threads, double beat_work, F&& lead) {
  with_spin_pool(threads, beat_work, [](void* erased) { (*static_cast<F*>(erased))(); }, &lead);
}
void pool_beat() noexcept;

// Multiply-adds that make one more thread worth while: several times what a thread of the pool
// costs, or one that OpenMP wakes.
inline constexpr double pool_grain = 2e4, team_grain = 5e5;
double thread_grain() noexcept;

// How many threads a piece of work deserves.
inline int threads_for(double multiply_adds, int limit) {
  if (limit <= 1) return 1;  // what small networks ask many times for every row
  return static_cast<int>(
      std::clamp(multiply_adds / thread_grain(), 1.0, static_cast<double>(limit)));
}

// Cuts [0, count) into at most `threads` contiguous ranges, their bounds multiples of `multiple`,
// and calls body(part, begin, end) for each. The cut never decides the order of a sum.
template <class F>
void parallel_for(std::size_t count, std::size_t multiple, int threads, F&& body) {
  const std::size_t blocks = (count + multiple - 1) / multiple;
  const std::size_t parts = std::min(blocks, static_cast<std::size_t>(threads));
  if (parts <= 1) {
    if (count > 0) body(0, std::size_t{0}, count);
    return;
  }
  struct Context {
    F& body;
    std::size_t count, multiple, blocks, parts;
  } context{body, count, multiple, blocks, parts};
  run_parts(
      static_cast<int>(parts),
      [](void* erased, int part) {
        const Context& c = *static_cast<Context*>(erased);
        const auto i = static_cast<std::size_t>(part);
        const std::size_t begin = c.blocks * i / c.parts * c.multiple;
        const std::size_t end = std::min(c.count, c.blocks * (i + 1) / c.parts * c.multiple);
        c.body(part, begin, end);
      },
      &context);
}

// Calls body(i, part) for every i < count, on at most so many threads. Whoever is free takes the
// next i; two calls of the same part, which is below `threads`, never run at once. Each part begins
// with its own i: part, part + parts, and so on, so that the same thread sees the same again and
// again.
template <class F>
void for_each_task(std::size_t count, int threads, F body) {
  if (threads <= 1 || count <= 1) {
    for (std::size_t i = 0; i < count; ++i) body(i, std::size_t{0});
    return;
  }
  constexpr std::size_t most_parts = 32;
  struct Context {
    F& body;
    std::size_t count, parts;
    std::array<std::atomic<std::size_t>, most_parts> taken{};  // of each part's own
  } context{body, count, std::min({count, static_cast<std::size_t>(threads), most_parts})};
  run_parts(
      static_cast<int>(context.parts),
      [](void* erased, int number) {
        Context& c = *static_cast<Context*>(erased);
        const auto part = static_cast<std::size_t>(number);
        for (std::size_t ahead = 0; ahead < c.parts; ++ahead) {
          const std::size_t of = (part + ahead) % c.parts;
          for (;;) {
            const std::size_t i = of + c.parts * c.taken[of].fetch_add(1);
            if (i >= c.count) break;
            c.body(i, part);
          }
        }
      },
      &context);
}

// Calls body(first, rows) for ranges of n rows that cost work_per_row multiply-adds each.
template <class F>
void for_each_row_block(int limit, std::size_t n, double work_per_row, F body) {
  parallel_for(n, 1, threads_for(double(n) * work_per_row, limit),
               [&](int, std::size_t begin, std::size_t end) { body(begin, end - begin); });
}

}  // namespace nncore
