// A number that threads share.
#pragma once

#include <cstdint>

#pragma GCC visibility push(default)
namespace nncore {

// What std::atomic is for these few uses: to include <atomic> would take longer than all of
// nncore's own headers.
class Counter {
 public:
  Counter() = default;
  explicit Counter(std::uint64_t number) noexcept : number_(number) {}
  Counter(const Counter& other) noexcept : number_(other.relaxed()) {}
  Counter& operator=(const Counter& other) noexcept {
    set_relaxed(other.relaxed());
    return *this;
  }

  // For a number that one thread writes, any read, and nothing else depends on.
  std::uint64_t relaxed() const noexcept { return __atomic_load_n(&number_, __ATOMIC_RELAXED); }
  void set_relaxed(std::uint64_t number) noexcept {
    __atomic_store_n(&number_, number, __ATOMIC_RELAXED);
  }

  // For a number that many threads write, in one order that all of them see.
  std::uint64_t load() const noexcept { return __atomic_load_n(&number_, __ATOMIC_SEQ_CST); }
  // The number becomes `wanted` if it is `expected`, else `expected` becomes what it is.
  bool exchange_if(std::uint64_t& expected, std::uint64_t wanted) noexcept {
    return __atomic_compare_exchange_n(&number_, &expected, wanted, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
  }
  std::uint64_t add(std::uint64_t number) noexcept {
    return __atomic_add_fetch(&number_, number, __ATOMIC_SEQ_CST);
  }

 private:
  alignas(8) std::uint64_t number_ = 0;  // also where the ABI would be content with 4 bytes
};

}  // namespace nncore
#pragma GCC visibility pop
