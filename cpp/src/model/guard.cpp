#include "nncore/guard.hpp"

#include <atomic>

#include "nncore/error.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace nncore {
namespace {

// Which child of a child this process is: the forks between the first process and it.
std::atomic<std::uint32_t> generation{0};

#if defined(__unix__) || defined(__APPLE__)
[[maybe_unused]] const bool counts_generations =
    pthread_atfork(nullptr, nullptr, [] { generation.fetch_add(1); }) == 0;
#endif

constexpr std::uint32_t changing = 0xffffffff;

std::uint32_t this_process() { return generation.load(std::memory_order_relaxed); }

// A number of its own for every thread that ever asked, from 1 up.
std::uint32_t this_thread() {
  static std::atomic<std::uint32_t> last{0};
  thread_local std::uint32_t number = 0;
  if (number == 0) number = ++last;
  return number;
}

constexpr std::uint64_t state_of(std::uint32_t process, std::uint32_t value) {
  return std::uint64_t{process} << 32 | value;
}

// What a state says in this process.
std::uint32_t value_of(std::uint64_t state) {
  return state >> 32 == this_process() ? static_cast<std::uint32_t>(state) : 0;
}

}  // namespace

Guard::Reading::Reading(Guard& guard) : guard_(guard), process_(this_process()) {
  std::uint64_t users = guard_.users_.load();
  do {
    if (value_of(users) == changing) {
      throw BusyError(
          "the network is being trained by another thread; wait for it, or work on a copy");
    }
  } while (!guard_.users_.exchange_if(users, state_of(process_, value_of(users) + 1)));
}

Guard::Reading::~Reading() {
  std::uint64_t users = guard_.users_.load();
  while (users >> 32 == process_ && !guard_.users_.exchange_if(users, users - 1)) {
  }
}

Guard::Changing::Changing(Guard& guard) : guard_(guard), process_(this_process()) {
  guard_.check_no_session_elsewhere();
  std::uint64_t users = guard_.users_.load();
  do {
    if (value_of(users) != 0) {
      throw BusyError(value_of(users) == changing
                          ? "the network is already being trained by another thread"
                          : "the network is in use by another thread and cannot be trained at the "
                            "same time");
    }
  } while (!guard_.users_.exchange_if(users, state_of(process_, changing)));
}

Guard::Changing::~Changing() {
  std::uint64_t mine = state_of(process_, changing);
  guard_.users_.exchange_if(mine, state_of(process_, 0));
}

Guard::Session::Session(Guard& guard)
    : guard_(guard), mine_(state_of(this_process(), this_thread())) {
  std::uint64_t session = guard_.session_.load();
  do {
    if (value_of(session) != 0) {
      throw BusyError("this network is being trained; wait for that to end, or train a copy");
    }
  } while (!guard_.session_.exchange_if(session, mine_));
}

Guard::Session::~Session() {
  std::uint64_t mine = mine_;
  guard_.session_.exchange_if(mine, 0);
}

void Guard::check_no_session_elsewhere() const {
  const std::uint32_t holder = value_of(session_.load());
  if (holder != 0 && holder != this_thread()) {
    throw BusyError("another thread is training this network; wait for that to end");
  }
}

}  // namespace nncore
