#include "threads/thread_supply.hpp"

#if defined(__unix__) || defined(__APPLE__)

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <thread>

#ifdef __linux__
#include <signal.h>
#include <sys/syscall.h>
#endif

namespace nncore {
namespace {

// Others in the process and beside it make threads and take memory, too, between the trial and
// what follows it.
constexpr int spare_threads = 4;
constexpr std::size_t spare_stack = std::size_t{256} << 10, spare_memory = std::size_t{32} << 20;

// Bytes of stack that OpenMP gives its threads: a whole number of B, K (by default), M or G; 0
// stands for the system's own.
std::size_t openmp_stack_size() {
  for (const char* variable : {"OMP_STACKSIZE", "GOMP_STACKSIZE", "KMP_STACKSIZE"}) {
    const char* text = std::getenv(variable);
    if (!text) continue;
    char* end = nullptr;
    const unsigned long long number = std::strtoull(text, &end, 10);
    while (*end == ' ') ++end;
    const int shift = *end == 'B' || *end == 'b'   ? 0
                      : *end == 'M' || *end == 'm' ? 20
                      : *end == 'G' || *end == 'g' ? 30
                                                   : 10;
    if (end != text) return static_cast<std::size_t>(number) << shift;
  }
  return 0;
}

const std::size_t stack_size = openmp_stack_size();  // as it was when OpenMP read it

// Threads that wait until the trial is over.
class Trial {
 public:
  Trial() : gate_(door_) {}
  ~Trial() {
    gate_.unlock();
    for (Member& member : members_) pthread_join(member.thread, nullptr);
    for (const Member& member : members_) wait_until_gone(member);
  }
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  // Adds so many threads; false where the system refuses one.
  bool add(int count, std::size_t stack) {
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) return false;
    bool all = stack == 0 || pthread_attr_setstacksize(&attributes, stack) == 0;
    for (int i = 0; all && i < count; ++i) {
      Member& member = members_.emplace_back(*this);
      all = pthread_create(&member.thread, &attributes, stand, &member) == 0;
      if (!all) members_.pop_back();
    }
    pthread_attr_destroy(&attributes);
    return all;
  }

 private:
  struct Member {
    explicit Member(Trial& t) : trial(t) {}
    Trial& trial;
    pthread_t thread{};
    long id = 0;
  };

  static void* stand(void* erased) {
    Member& member = *static_cast<Member*>(erased);
#ifdef __linux__
    member.id = syscall(SYS_gettid);
#endif
    const std::lock_guard wait(member.trial.door_);
    return nullptr;
  }

  // Linux counts a thread for some time after it can be joined.
  static void wait_until_gone([[maybe_unused]] const Member& member) {
#ifdef __linux__
    for (int i = 0; i < 10'000 && syscall(SYS_tgkill, getpid(), member.id, 0) == 0; ++i) {
      std::this_thread::yield();
    }
#endif
  }

  std::mutex door_;
  std::unique_lock<std::mutex> gate_;
  std::deque<Member> members_;  // which threads point into
};

}  // namespace

bool grants_threads(int count) noexcept {
  try {
    Trial trial;
    if (!trial.add(count, stack_size) || !trial.add(spare_threads, spare_stack)) return false;
    void* memory =
        mmap(nullptr, spare_memory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory != MAP_FAILED && munmap(memory, spare_memory) == 0;
  } catch (...) {  // no memory
    return false;
  }
}

}  // namespace nncore

#else

namespace nncore {

bool grants_threads(int) noexcept { return true; }

}  // namespace nncore

#endif
