// The handles of the C API: what they hold, and how a bad one is told. Not installed.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "c_api/arguments.hpp"
#include "data/check.hpp"
#include "nncore/dataset.hpp"
#include "nncore/model_file.hpp"
#include "nncore/nncore.h"
#include "nncore/train.hpp"
#include "threads/mutex.hpp"

namespace nncore::c {

struct NetworkContent {
  explicit NetworkContent(AnyNetwork network);

  AnyNetwork any;
  // What nncore_network_info points to.
  std::vector<std::size_t> sizes;
  std::vector<const char*> activations;
  const char* cost = nullptr;
};

using DatasetContent = AnyDType<Dataset>;

template <class T>
struct TypedTrainer {
  Shared<Network<T>> network;  // outlives the trainer
  Trainer<T> trainer;
};
using TrainerContent = AnyDType<TypedTrainer>;

}  // namespace nncore::c

// None of these is ever made: a handle is a number, and is never followed as an address.
struct nncore_network {
  using Content = nncore::c::NetworkContent;
  static constexpr const char* kind = "network";
  static constexpr std::uintptr_t tag = 1;
};
struct nncore_dataset {
  using Content = nncore::c::DatasetContent;
  static constexpr const char* kind = "data set";
  static constexpr std::uintptr_t tag = 3;
};
struct nncore_trainer {
  using Content = nncore::c::TrainerContent;
  static constexpr const char* kind = "trainer";
  static constexpr std::uintptr_t tag = 5;
};

namespace nncore::c {

// The handles of one kind. A handle tells its kind, its slot and how often that slot was used
// before. So a released handle differs for ever from those that came after it in the same slot. A
// slot whose uses can no longer be counted is not used again.
template <class H>
class Pool {
 public:
  template <class Content>
  H* make(Content&& content) {
    typename H::Content made(std::forward<Content>(content));
    const std::lock_guard lock(mutex_);
    const std::size_t index = free_ == none ? extended() : free_;
    Slot& slot = *slot_at(index);
    slot.content.emplace(std::move(made));
    free_ = slot.next_free;
    ++slot.uses;
    const std::uintptr_t handle =
        top_bit | slot.uses << (tag_bits + index_bits) | index << tag_bits | H::tag;
    slot.handle.store(handle, std::memory_order_release);
    return reinterpret_cast<H*>(handle);
  }

  // Null unless the handle is alive.
  typename H::Content* find(const H* handle) {
    Slot* slot = slot_of(reinterpret_cast<std::uintptr_t>(handle));
    return slot ? &*slot->content : nullptr;
  }

  // False unless the handle is alive.
  bool release(const H* handle) {
    auto value = reinterpret_cast<std::uintptr_t>(handle);
    Slot* slot = slot_of(value);
    if (!slot || !slot->handle.compare_exchange_strong(value, 0)) return false;
    slot->content.reset();
    const std::lock_guard lock(mutex_);
    if (slot->uses == most_uses) return true;
    slot->next_free = free_;
    free_ = index_of(reinterpret_cast<std::uintptr_t>(handle));
    return true;
  }

  // Outlives every static object, whose destructor may still release handles.
  static Pool& instance() {
    static Pool& pool = *new Pool;
    return pool;
  }

 private:
  // From the lowest bit up: the kind, which is odd and so that of no object's address; the slot;
  // its uses; and a bit with which no address of a program begins where these have 64 bits.
  static constexpr int bits = std::numeric_limits<std::uintptr_t>::digits;
  static constexpr int tag_bits = 3, index_bits = bits == 64 ? 29 : 16;
  static constexpr std::uintptr_t top_bit = std::uintptr_t{1} << (bits - 1);
  static constexpr std::size_t most_slots = std::size_t{1} << index_bits, none = most_slots;
  static constexpr std::uintptr_t most_uses = (top_bit >> (tag_bits + index_bits)) - 1;
  static_assert(H::tag < 1 << tag_bits && H::tag % 2 == 1);

  struct Slot {
    std::atomic<std::uintptr_t> handle{0};  // the living one, or 0
    std::uintptr_t uses = 0;
    std::size_t next_free = none;
    std::optional<typename H::Content> content;
  };

  static std::size_t index_of(std::uintptr_t handle) {
    return handle >> tag_bits & (most_slots - 1);
  }
  // Slots never move, so that looking one up takes no lock: chunk c holds first_chunk << c.
  static constexpr std::size_t first_chunk = 16;
  static int chunk_of(std::size_t index) {
    return static_cast<int>(std::bit_width(index / first_chunk + 1)) - 1;
  }
  static std::size_t slots_before(int chunk) {
    return ((std::size_t{1} << chunk) - 1) * first_chunk;
  }
  Slot* slot_at(std::size_t index) const {
    const int c = chunk_of(index);
    Slot* chunk = chunks_[static_cast<std::size_t>(c)].load(std::memory_order_acquire);
    return chunk ? chunk + (index - slots_before(c)) : nullptr;
  }
  Slot* slot_of(std::uintptr_t handle) const {
    Slot* slot = slot_at(index_of(handle));
    const bool living =
        slot && handle != 0 && slot->handle.load(std::memory_order_acquire) == handle;
    return living ? slot : nullptr;
  }

  // The index of a slot that was never used.
  std::size_t extended() {
    if (used_slots_ == most_slots) {
      throw InvalidArgument(concat("there are ", most_slots, " handles of a ", H::kind,
                                   " already, or were in time; expected fewer"));
    }
    const int c = chunk_of(used_slots_);
    auto& chunk = chunks_[static_cast<std::size_t>(c)];
    if (!chunk.load()) chunk.store(new Slot[first_chunk << c], std::memory_order_release);
    return used_slots_++;
  }

  Mutex mutex_;
  std::array<std::atomic<Slot*>, index_bits> chunks_{};
  std::size_t used_slots_ = 0, free_ = none;
};

template <class H>
typename H::Content& found(H* handle) {
  if (!handle) throw InvalidArgument(concat("the ", H::kind, " is a null pointer"));
  if (auto* content = Pool<H>::instance().find(handle)) return *content;
  throw InvalidArgument(concat("the handle is not that of a ", H::kind,
                               ", or it was released; expected one that nncore made"));
}

// What a handle holds; InvalidArgument if it is none of that kind.
template <class H>
typename H::Content& content_of(H* handle) {
  return found(handle);
}
template <class H>
const typename H::Content& content_of(const H* handle) {
  return found(const_cast<H*>(handle));
}

template <class H>
void release(H* handle) {
  if (!handle) return;
  found(handle);
  if (!Pool<H>::instance().release(handle)) {
    throw InvalidArgument(concat("the ", H::kind, " was released by another thread meanwhile"));
  }
}

// Calls f with the network in its own type.
template <class F>
decltype(auto) with_network(const AnyNetwork& any, F&& f) {
  return std::visit([&](const auto& network) -> decltype(auto) { return f(network); }, any);
}

inline nncore_network* handle_of(AnyNetwork network) {
  return Pool<nncore_network>::instance().make(NetworkContent(std::move(network)));
}

// A data set for a network of T.
template <class T>
const Dataset<T>& dataset_in(const nncore_dataset* dataset) {
  if (const auto* typed = std::get_if<Dataset<T>>(&content_of(dataset))) return *typed;
  throw InvalidArgument(concat("the data set was made for the other dtype; the network is ",
                               dtype_name(dtype_value<T>)));
}

}  // namespace nncore::c
