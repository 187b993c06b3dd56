// The texts that a file keeps beside its tensors.
#pragma once

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace nncore {

// A map from strings to strings, std::map<std::string, std::string> or another of the kind.
template <class Map>
concept TextMap = requires(const Map& map) {
  typename Map::mapped_type;
  { map.begin()->first } -> std::convertible_to<std::string_view>;
  { map.begin()->second } -> std::convertible_to<std::string_view>;
};

// As std::map<std::string, std::string>, which takes long to include, and converted to and from it
// where it is wanted. Sorted by the keys' bytes. Its iterators change nothing: operator[] and at()
// change values. A new or an erased key ends iterators and references.
//
// Cost: a look-up is O(log size). A new key is O(1) behind all others, else O(size): many of them
// come from a map at once.
class Metadata {
 public:
  using value_type = std::pair<std::string, std::string>;
  using const_iterator = std::vector<value_type>::const_iterator;
  using iterator = const_iterator;

  Metadata() = default;
  // Of equal keys the first counts.
  Metadata(std::initializer_list<value_type> entries);
  template <TextMap Map>
  Metadata(const Map& map) {  // NOLINT(google-explicit-constructor)
    for (const auto& [key, value] : map) emplace(key, value);
  }
  template <TextMap Map>
  operator Map() const {  // NOLINT(google-explicit-constructor)
    return Map(begin(), end());
  }

  const_iterator begin() const noexcept { return entries_.begin(); }
  const_iterator end() const noexcept { return entries_.end(); }
  std::size_t size() const noexcept { return entries_.size(); }
  bool empty() const noexcept { return entries_.empty(); }

  const_iterator find(std::string_view key) const noexcept;
  bool contains(std::string_view key) const noexcept { return find(key) != end(); }
  std::size_t count(std::string_view key) const noexcept { return contains(key) ? 1 : 0; }
  // Throws std::out_of_range if there is no such key.
  const std::string& at(std::string_view key) const;
  std::string& at(std::string_view key);

  // The value of the key, which is new and empty if it was not there.
  std::string& operator[](std::string_view key);
  // Leaves the value alone if the key is there. Says whether it was not.
  std::pair<const_iterator, bool> emplace(std::string_view key, std::string_view value);
  // How many were erased: 1 or 0.
  std::size_t erase(std::string_view key);
  void clear() noexcept { entries_.clear(); }

  friend bool operator==(const Metadata& a, const Metadata& b);

 private:
  std::vector<value_type>::iterator lower_bound(std::string_view key);

  std::vector<value_type> entries_;  // sorted by the keys
};

}  // namespace nncore
#pragma GCC visibility pop
