// What stands in the public headers for types of the standard library whose own headers would take
// long to include: Path, Shared, Callback.
#include <doctest/doctest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "nncore/nncore.hpp"
#include "temporary_directory.hpp"

using namespace nncore;

namespace test_interface {
namespace {

Network<float> xor_network() {
  Network<float> network({.sizes = {2, 4, 1}, .activations = {Activation::tanh, Activation::tanh}},
                         7);
  network.initialize(std::vector(2, Initializer::glorot_uniform));
  return network;
}

}  // namespace

TEST_CASE("a path is made of all that names a file") {
  const std::filesystem::path expected = "some/model.safetensors";
  const std::string text = "some/model.safetensors";
  CHECK(Path("some/model.safetensors").native() == expected.native());
  CHECK(Path(text).native() == expected.native());
  CHECK(Path(std::string_view(text)).native() == expected.native());
  CHECK(Path(expected).native() == expected.native());
  CHECK(Path(std::string("with\0zero", 9)).native().size() == 9);
}

TEST_CASE("models are written to, and read from, whatever names a file") {
  const TemporaryDirectory directory;
  const std::filesystem::path path = directory / "model";
  const std::string text = path.string();
  const Network<float> network = xor_network();
  save_model(network, path);
  save_model(network, text);
  save_model(network, text.c_str());
  CHECK(load_model<float>(path)->seed() == 7);
  CHECK(load_model<float>(text)->seed() == 7);
  CHECK(load_model<float>(std::string_view(text))->seed() == 7);
  CHECK(read_tensor_file(path).label() == text);
  CHECK_THROWS_AS(load_model<double>(path), ModelFileError);
}

TEST_CASE("a loaded network is held by Shared, or by a std::shared_ptr") {
  const TemporaryDirectory directory;
  const auto path = directory / "model";
  save_model(xor_network(), path);
  const std::shared_ptr<const Network<float>> kept = load_model<float>(path);
  CHECK(kept->seed() == 7);
  const AnyNetwork any = load_model(path);
  CHECK(std::visit([](const auto& network) { return network->inputs(); }, any) == 2);
  REQUIRE(std::holds_alternative<Shared<Network<float>>>(any));
  const AnyNetwork own = std::make_shared<Network<double>>(xor_network().architecture());
  CHECK(std::get<Shared<Network<double>>>(own)->outputs() == 1);
  CHECK(std::visit([](const auto& network) { return !network; }, AnyNetwork()));
}

TEST_CASE("the last who holds an object frees it, be it a Shared or a std::shared_ptr") {
  auto made = std::make_shared<int>(3);
  const std::weak_ptr<int> watched = made;
  Shared<int> first = std::move(made);
  Shared<const int> second = first;
  CHECK(second == Shared<const int>(first));
  std::shared_ptr<const int> third = second;
  CHECK(*third == 3);
  first = nullptr;
  CHECK(!first);
  second = Shared<const int>();
  CHECK(!watched.expired());
  Shared<const int> back = third;
  third.reset();
  CHECK(!watched.expired());
  const Shared<const int> moved = std::move(back);
  CHECK(!back);  // NOLINT(bugprone-use-after-move)
  CHECK(*moved == 3);
  back = moved;
  Shared<const int>& same = back;
  back = same;
  CHECK(*back == 3);
  CHECK(!watched.expired());
  back = Shared<const int>(std::shared_ptr<const int>());
  CHECK(!back);
  CHECK(!std::shared_ptr<const int>(back));
}

TEST_CASE("what is shared is freed once, however many held it") {
  struct Counted {
    explicit Counted(int& times) : freed(times) {}
    ~Counted() { ++freed; }
    int& freed;
  };
  int freed = 0;
  {
    Shared<Counted> a = std::make_shared<Counted>(freed);
    const Shared<Counted> b = a, c = b;
    const std::shared_ptr<Counted> d = c;
    a = d;
    CHECK(freed == 0);
  }
  CHECK(freed == 1);
}

TEST_CASE("a callback is made of whatever a std::function is made of") {
  using Asked = Callback<bool(int)>;
  CHECK(!Asked());
  CHECK(!Asked(nullptr));
  CHECK(!Asked(std::function<bool(int)>()));
  CHECK(!Asked(static_cast<bool (*)(int)>(nullptr)));
  CHECK(Asked([](int x) { return x > 1; })(2));
  CHECK(Asked(std::function<bool(int)>([](int x) { return x > 1; }))(2));
  bool (*const pointer)(int) = [](int x) { return x > 1; };
  CHECK(!Asked(pointer)(1));

  int told = 0;
  const Callback<void(const int&)> tell = [&](const int& x) { return told = x; };
  tell(5);
  CHECK(told == 5);
  CHECK_THROWS_AS(Callback<void()>([] { throw 7; })(), int);
}

TEST_CASE("a copied callback has a state of its own, a moved one takes it along") {
  const auto held = std::make_shared<int>(0);
  Callback<int()> counts = [n = 0, held]() mutable { return ++n; };
  CHECK(counts() == 1);
  Callback<int()> copy = counts;
  CHECK(copy() == 2);
  CHECK(counts() == 2);
  const Callback<int()> moved = std::move(counts);
  CHECK(!counts);  // NOLINT(bugprone-use-after-move)
  CHECK(moved() == 3);
  CHECK(held.use_count() == 3);
  copy = moved;
  CHECK(copy() == 4);
  copy = nullptr;
  CHECK(held.use_count() == 2);
}

}  // namespace test_interface
