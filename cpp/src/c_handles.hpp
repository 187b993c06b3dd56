// The handles of the C API: what they hold, and how a bad one is told. Not installed.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <queue>
#include <variant>
#include <vector>

#include "check.hpp"
#include "nncore/dataset.hpp"
#include "nncore/model_file.hpp"
#include "nncore/nncore.h"
#include "nncore/train.hpp"

namespace nncore::c {

struct NetworkContent {
  explicit NetworkContent(AnyNetwork network);

  AnyNetwork any;
  // What nncore_network_info points to.
  std::vector<std::size_t> sizes;
  std::vector<const char*> activations;
  const char* cost = nullptr;
};

using DatasetContent = std::variant<Dataset<float>, Dataset<double>>;

template <class T>
struct TypedTrainer {
  std::shared_ptr<Network<T>> network;  // outlives the trainer
  Trainer<T> trainer;
};
using TrainerContent = std::variant<TypedTrainer<float>, TypedTrainer<double>>;

// A handle's memory is never given back, only used again, the longest released first: one that was
// released can still be looked at, and told.
template <class Content, std::uint64_t Magic>
struct Handle {
  static constexpr std::uint64_t magic_number = Magic;

  std::atomic<std::uint64_t> magic{0};
  std::optional<Content> content;
};

template <class H>
class Pool {
 public:
  template <class Content>
  H* make(Content&& content) {
    H* handle = take();
    handle->content.emplace(std::forward<Content>(content));
    handle->magic = H::magic_number;
    return handle;
  }

  // False if the handle was not a living one.
  bool release(H* handle) {
    std::uint64_t expected = H::magic_number;
    if (!handle->magic.compare_exchange_strong(expected, 0)) return false;
    handle->content.reset();
    const std::lock_guard lock(mutex_);
    released_.push(handle);
    return true;
  }

  // Outlives every static object, whose destructor may still release handles.
  static Pool& instance() {
    static Pool& pool = *new Pool;
    return pool;
  }

 private:
  H* take() {
    const std::lock_guard lock(mutex_);
    if (released_.empty()) return &all_.emplace_back();
    H* handle = released_.front();
    released_.pop();
    return handle;
  }

  std::mutex mutex_;
  std::deque<H> all_;
  std::queue<H*> released_;
};

}  // namespace nncore::c

struct nncore_network : nncore::c::Handle<nncore::c::NetworkContent, 0x6e6e636f'72654e57> {
  static constexpr const char* kind = "network";
};
struct nncore_dataset : nncore::c::Handle<nncore::c::DatasetContent, 0x6e6e636f'72654453> {
  static constexpr const char* kind = "data set";
};
struct nncore_trainer : nncore::c::Handle<nncore::c::TrainerContent, 0x6e6e636f'72655452> {
  static constexpr const char* kind = "trainer";
};

namespace nncore::c {

template <class H>
void check_handle(const H* handle) {
  if (!handle) throw InvalidArgument(text("the ", H::kind, " is a null pointer"));
  if (reinterpret_cast<std::uintptr_t>(handle) % alignof(H) != 0 ||
      handle->magic.load() != H::magic_number) {
    throw InvalidArgument(text("the handle is not that of a ", H::kind,
                               ", or it was released; expected one that nncore made"));
  }
}

// What a handle holds; InvalidArgument if it is none of that kind.
template <class H>
auto& content_of(H* handle) {
  check_handle(handle);
  return *handle->content;
}

template <class H>
void release(H* handle) {
  if (!handle) return;
  check_handle(handle);
  if (!Pool<H>::instance().release(handle)) {
    throw InvalidArgument(text("the ", H::kind, " was released by another thread meanwhile"));
  }
}

}  // namespace nncore::c
