// A pointer to what several hold.
#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "nncore/counter.hpp"

#pragma GCC visibility push(default)
namespace nncore {

// std::shared_ptr<U>, without its header.
template <class Pointer>
concept SharedPointer = requires(const Pointer& pointer) {
  typename Pointer::weak_type;
  pointer.get();
  pointer.use_count();
};

// What keeps the object, and how many hold that.
struct SharedHolder {
  Counter users{1};
  void (*end)(SharedHolder*) = nullptr;
};

// As std::shared_ptr, which takes long to include, and converted to and from it where it is wanted:
//
//   const std::shared_ptr<Network<float>> network = load_model<float>("digits.safetensors");
//
// Copies share one object, and the last of them frees it. Threads: as std::shared_ptr.
template <class T>
class Shared {
 public:
  Shared() noexcept = default;
  Shared(std::nullptr_t) noexcept {}  // NOLINT(google-explicit-constructor)
  template <SharedPointer Pointer>
    requires std::convertible_to<decltype(std::declval<const Pointer&>().get()), T*>
  Shared(Pointer pointer)  // NOLINT(google-explicit-constructor)
      : object_(pointer.get()),
        holder_(object_ ? new Holding<Pointer>(std::move(pointer)) : nullptr) {}
  template <class U>
    requires std::convertible_to<U*, T*>
  Shared(const Shared<U>& other) noexcept  // NOLINT(google-explicit-constructor)
      : object_(other.object_), holder_(other.holder_) {
    if (holder_) holder_->users.add(1);
  }
  Shared(const Shared& other) noexcept : object_(other.object_), holder_(other.holder_) {
    if (holder_) holder_->users.add(1);
  }
  Shared(Shared&& other) noexcept
      : object_(std::exchange(other.object_, nullptr)),
        holder_(std::exchange(other.holder_, nullptr)) {}
  Shared& operator=(Shared other) noexcept {
    std::swap(object_, other.object_);
    std::swap(holder_, other.holder_);
    return *this;
  }
  ~Shared() {
    if (holder_ && holder_->users.add(std::uint64_t(-1)) == 0) holder_->end(holder_);
  }

  T* get() const noexcept { return object_; }
  std::add_lvalue_reference_t<T> operator*() const noexcept { return *object_; }
  T* operator->() const noexcept { return object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }
  // How many share the object: other Shared ones, and what was made of them.
  long use_count() const noexcept { return holder_ ? static_cast<long>(holder_->users.load()) : 0; }
  friend bool operator==(const Shared& a, const Shared& b) noexcept {
    return a.object_ == b.object_;
  }

  template <SharedPointer Pointer>
    requires std::convertible_to<T*, typename Pointer::element_type*>
  operator Pointer() const {  // NOLINT(google-explicit-constructor)
    if (!object_) return Pointer();
    return Pointer(object_, [held = *this](T*) mutable { held = nullptr; });
  }

 private:
  template <class U>
  friend class Shared;

  template <class Pointer>
  struct Holding : SharedHolder {
    explicit Holding(Pointer pointer) : held(std::move(pointer)) {
      end = [](SharedHolder* self) { delete static_cast<Holding*>(self); };
    }
    Pointer held;
  };

  T* object_ = nullptr;
  SharedHolder* holder_ = nullptr;
};

}  // namespace nncore
#pragma GCC visibility pop
