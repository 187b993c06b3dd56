// A function that a caller hands in.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#pragma GCC visibility push(default)
namespace nncore {

template <class Signature>
class Callback;

// As std::function, which takes long to include, and made of whatever that can be made of: lambdas,
// function pointers, a std::function. An empty one is false, and may not be called.
template <class Result, class... Arguments>
class Callback<Result(Arguments...)> {
 public:
  Callback() noexcept = default;
  Callback(std::nullptr_t) noexcept {}  // NOLINT(google-explicit-constructor)
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, Callback> &&
             std::is_invocable_r_v<Result, std::decay_t<F>&, Arguments...>)
  Callback(F&& f) {  // NOLINT(google-explicit-constructor)
    using Function = std::decay_t<F>;
    Function function(std::forward<F>(f));  // a pointer, where it is a function's name
    if constexpr (std::is_constructible_v<Function, std::nullptr_t>) {
      if (function == nullptr) return;  // an empty std::function
    }
    function_ = new Function(std::move(function));
    call_ = [](void* held, Arguments... arguments) -> Result {
      Function& called = *static_cast<Function*>(held);
      if constexpr (std::is_void_v<Result>) {
        called(std::forward<Arguments>(arguments)...);
      } else {
        return called(std::forward<Arguments>(arguments)...);
      }
    };
    copy_ = [](const void* held) -> void* {
      return new Function(*static_cast<const Function*>(held));
    };
    end_ = [](void* held) { delete static_cast<Function*>(held); };
  }
  Callback(const Callback& other)
      : function_(other ? other.copy_(other.function_) : nullptr),
        call_(other.call_),
        copy_(other.copy_),
        end_(other.end_) {}
  Callback(Callback&& other) noexcept
      : function_(std::exchange(other.function_, nullptr)),
        call_(other.call_),
        copy_(other.copy_),
        end_(other.end_) {}
  Callback& operator=(Callback other) noexcept {
    std::swap(function_, other.function_);
    std::swap(call_, other.call_);
    std::swap(copy_, other.copy_);
    std::swap(end_, other.end_);
    return *this;
  }
  ~Callback() {
    if (function_) end_(function_);
  }

  explicit operator bool() const noexcept { return function_ != nullptr; }
  Result operator()(Arguments... arguments) const {
    return call_(function_, std::forward<Arguments>(arguments)...);
  }

 private:
  void* function_ = nullptr;
  Result (*call_)(void*, Arguments...) = nullptr;
  void* (*copy_)(const void*) = nullptr;
  void (*end_)(void*) = nullptr;
};

}  // namespace nncore
#pragma GCC visibility pop
