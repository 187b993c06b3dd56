// Who uses an object: readers, who share it, or one that changes it.
#pragma once

#include <cstdint>

#include "nncore/counter.hpp"

#pragma GCC visibility push(default)
namespace nncore {

// What a network and all that trains it are guarded by. Nobody waits: whoever comes at a bad time
// gets a BusyError. What a thread held does not outlive a fork: in the child nothing is in use.
class Guard {
 public:
  Guard() = default;
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  // Held while reading.
  class Reading {
   public:
    explicit Reading(Guard& guard);
    ~Reading();
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

   private:
    Guard& guard_;
    std::uint32_t process_;
  };

  // Held while changing. Refused during another thread's session, too.
  class Changing {
   public:
    explicit Changing(Guard& guard);
    ~Changing();
    Changing(const Changing&) = delete;
    Changing& operator=(const Changing&) = delete;

   private:
    Guard& guard_;
    std::uint32_t process_;
  };

  // Held over many changes by the thread that makes them: others may read in between, but not
  // change anything. Only one is held at a time. Any thread may release it.
  class Session {
   public:
    explicit Session(Guard& guard);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

   private:
    Guard& guard_;
    std::uint64_t mine_;
  };

  // Throws BusyError during another thread's session.
  void check_no_session_elsewhere() const;

 private:
  // In the upper half of both the process that wrote it, counted in forks: what was held before a
  // fork is void. In the lower half the number of readers, or all ones for who changes; and the
  // session's thread, or 0.
  Counter users_;
  Counter session_;
};

}  // namespace nncore
#pragma GCC visibility pop
