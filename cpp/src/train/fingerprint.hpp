// A number that tells whether ranks have the same: equal for equal bits, else most likely another.
#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>

namespace nncore {

class Fingerprint {
 public:
  template <class E>
  void add(std::span<const E> elements) {
    std::uint64_t word = 0;
    for (const E& element : elements) {
      std::memcpy(&word, &element, sizeof(E));
      hash_ = (hash_ ^ word) * 0x100000001b3;  // FNV-1a, an element at a time
      hash_ ^= hash_ >> 29;
    }
    add_word(elements.size());
  }
  template <class E>
  void add(std::initializer_list<E> elements) {
    add(std::span<const E>(elements.begin(), elements.size()));
  }
  std::uint64_t value() const { return hash_; }

 private:
  void add_word(std::uint64_t word) { hash_ = (hash_ ^ word) * 0x100000001b3; }
  std::uint64_t hash_ = 0xcbf29ce484222325;
};

}  // namespace nncore
