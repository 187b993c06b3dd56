#include <doctest/doctest.h>

#include <map>
#include <stdexcept>
#include <string>
#include <unordered_map>

#include "nncore/metadata.hpp"
#include "nncore/model_file.hpp"

using namespace nncore;

namespace test_metadata {

TEST_CASE("metadata is a map from strings to strings, sorted by the keys") {
  Metadata metadata{{"b", "2"}, {"c", "3"}, {"a", "1"}, {"b", "again"}};
  std::string all;
  for (const auto& [key, value] : metadata) all += key + value;
  CHECK(all == "a1b2c3");
  CHECK(metadata.size() == 3);
  CHECK(metadata.at("b") == "2");
  CHECK(metadata.find("c")->second == "3");
  CHECK(metadata.find("bb") == metadata.end());
  CHECK(metadata.contains("a"));
  CHECK(metadata.count("d") == 0);
  CHECK_THROWS_AS(metadata.at("d"), std::out_of_range);

  metadata["b"] += "0";
  metadata["aa"];
  metadata.at("c") = "4";
  CHECK(metadata == Metadata{{"a", "1"}, {"aa", ""}, {"b", "20"}, {"c", "4"}});
  CHECK(metadata != Metadata{{"a", "1"}, {"aa", ""}, {"b", "20"}, {"c", "5"}});
  CHECK_FALSE(metadata.emplace("a", "other").second);
  CHECK(metadata.emplace("0", "first").second);
  CHECK(metadata.begin()->first == "0");
  CHECK(metadata.erase("aa") == 1);
  CHECK(metadata.erase("aa") == 0);
  CHECK(metadata.size() == 4);
  metadata.clear();
  CHECK(metadata.empty());
  CHECK(metadata == Metadata());
}

TEST_CASE("metadata is converted to and from maps") {
  const std::map<std::string, std::string> texts = {{"a", "1"}, {"b", "2"}};
  const Metadata metadata = texts;
  CHECK(metadata == texts);
  const std::map<std::string, std::string> again = metadata;
  CHECK(again == texts);
  std::map<std::string, std::string> assigned;
  assigned = metadata;
  CHECK(assigned == texts);
  CHECK(Metadata(std::unordered_map<std::string, std::string>(texts.begin(), texts.end())) ==
        texts);
  const Extras extras{texts};
  CHECK(extras.metadata == texts);
}

}  // namespace test_metadata
