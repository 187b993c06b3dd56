#include "nncore/metadata.hpp"

#include <algorithm>
#include <stdexcept>

namespace nncore {
namespace {

template <class Iterator>
Iterator first_not_below(Iterator begin, Iterator end, std::string_view key) {
  return std::lower_bound(begin, end, key,
                          [](const auto& entry, std::string_view k) { return entry.first < k; });
}

}  // namespace

Metadata::Metadata(std::initializer_list<value_type> entries) {
  for (const auto& [key, value] : entries) emplace(key, value);
}

std::vector<Metadata::value_type>::iterator Metadata::lower_bound(std::string_view key) {
  if (entries_.empty() || entries_.back().first < key) return entries_.end();
  return first_not_below(entries_.begin(), entries_.end(), key);
}

Metadata::const_iterator Metadata::find(std::string_view key) const noexcept {
  const auto found = first_not_below(entries_.begin(), entries_.end(), key);
  return found != entries_.end() && found->first == key ? found : entries_.end();
}

const std::string& Metadata::at(std::string_view key) const {
  const auto found = find(key);
  if (found == end()) throw std::out_of_range("no metadata entry " + std::string(key));
  return found->second;
}

std::string& Metadata::at(std::string_view key) {
  return const_cast<std::string&>(std::as_const(*this).at(key));
}

std::string& Metadata::operator[](std::string_view key) {
  const std::size_t place = static_cast<std::size_t>(emplace(key, {}).first - begin());
  return entries_[place].second;
}

std::pair<Metadata::const_iterator, bool> Metadata::emplace(std::string_view key,
                                                            std::string_view value) {
  const auto place = lower_bound(key);
  if (place != entries_.end() && place->first == key) return {place, false};
  return {entries_.emplace(place, key, value), true};
}

std::size_t Metadata::erase(std::string_view key) {
  const auto found = find(key);
  if (found == end()) return 0;
  entries_.erase(found);
  return 1;
}

bool operator==(const Metadata& a, const Metadata& b) { return a.entries_ == b.entries_; }

}  // namespace nncore
