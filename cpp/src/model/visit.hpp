// From an enumerator, chosen while the program runs, to the struct that defines it.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include "nncore/names.hpp"

namespace nncore {

// f(e), where e is a constant with the chosen enumerator's value: visit(activation, [](auto e) {
// return ActivationFn<e>::trainable; }). A number that is not in the list gives Result{}.
template <class Enum, class F>
constexpr auto visit(Enum chosen, F f) {
  using Result = decltype(f(std::integral_constant<Enum, Enum{}>{}));
  Result result{};
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    ((chosen == Enum(I) ? void(result = f(std::integral_constant<Enum, Enum(I)>{})) : void()), ...);
  }(std::make_index_sequence<enumerator_count<Enum>>{});
  return result;
}

}  // namespace nncore
