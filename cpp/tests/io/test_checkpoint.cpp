// Checkpoints: training resumes with the same bits, and what does not match is refused.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "every.hpp"
#include "nncore/nncore.hpp"
#include "temporary_directory.hpp"

using namespace nncore;

namespace test_checkpoint {
namespace {

const Architecture architecture{.sizes = {3, 5, 2},
                                .activations = {Activation::tanh, Activation::softmax},
                                .cost = Cost::log_likelihood};
constexpr std::size_t rows = 61;

template <class T>
struct Problem {
  std::vector<T> x;
  std::vector<std::int64_t> y;
  Samples<T> samples;
  std::vector<std::int32_t> columns;
  std::vector<std::int64_t> offsets;
  Samples<T> one_hot;  // sparse

  Problem() : x(rows * 3), y(rows) {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(i * 37 % 11) / T(11);
    for (std::size_t i = 0; i < rows; ++i) y[i] = static_cast<std::int64_t>(i * 7 % 3 % 2);
    samples = {MatrixView<const T>{x.data(), rows, 3, 3}, std::span<const std::int64_t>(y), {}};
    for (std::size_t i = 0; i < rows; ++i) columns.push_back(static_cast<std::int32_t>(i * i % 3));
    for (std::size_t i = 0; i <= rows; ++i) offsets.push_back(static_cast<std::int64_t>(i));
    one_hot = samples;
    one_hot.x = SparseView<T>{x.data(), columns.data(), offsets.data(), rows, 3};
  }
};

template <class T>
Network<T> ready() {
  Network<T> network(architecture, 4);
  network.initialize(std::vector(2, Initializer::glorot_uniform));
  return network;
}

TrainOptions options_of(Optimizer optimizer) {
  return {.batch_size = 3, .optimizer = optimizer, .l2 = 0.1, .dropout = {0.1, 0.2}};
}

const EpochOptions usual{.learning_rate = 0.1};

// Options that stop an epoch when should_stop is asked for the n-th time.
EpochOptions stopping_at(int n) {
  EpochOptions options = usual;
  options.should_stop = [n, asked = 0]() mutable { return ++asked >= n; };
  return options;
}

// The same trainer and network from a file.
template <class T>
struct Resumed {
  std::shared_ptr<Network<T>> network;
  Trainer<T> trainer;
};

template <class T>
Resumed<T> resumed(const TensorFile& file, const TrainOptions& options) {
  auto network = std::get<Shared<Network<T>>>(model_from(file));
  TrainOptions again = saved_options(file).value();
  CHECK(again.optimizer == options.optimizer);
  again.batch_size = options.batch_size, again.l2 = options.l2, again.dropout = options.dropout;
  Resumed<T> found{network, Trainer<T>(*network, again)};
  resume(found.trainer, file);
  return found;
}

std::string fault(auto call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

bool has(const std::string& message, const std::string& part) {
  return message.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE_TEMPLATE("a run that is stopped anywhere has the same bits as one that is not", T, float,
                   double) {
  const TemporaryDirectory directory;
  const auto path = directory / "run";
  const Problem<T> problem;
  for (std::size_t o = 0; o < 2 * optimizer_count; ++o) {
    CAPTURE(o);
    TrainOptions options = options_of(Optimizer(o / 2));
    if (o % 2) options.dropout = {};
    const Dataset<T> data(ready<T>(), o % 2 ? problem.one_hot : problem.samples);
    Network<T> whole = ready<T>();
    Trainer<T> one(whole, options);
    std::vector<double> costs;
    for (int epoch = 0; epoch < 3; ++epoch) costs.push_back(one.epoch(data, usual));

    constexpr int batches = 21;
    for (int stop = 1; stop <= batches; stop += every(5)) {
      CAPTURE(stop);
      Network<T> begun = ready<T>();
      Trainer<T> two(begun, options);
      CHECK(two.epoch(data, usual) == costs[0]);
      CHECK(!two.position());
      two.epoch(data, stopping_at(stop));
      // SGD stops where the decay that it owes to sparse rows is settled, and is not asked where
      // there is no such place any more.
      const bool owes = o % 2 && options.optimizer == Optimizer::sgd;
      if (stop == batches || (owes && stop > 16)) {
        CHECK(!two.position());
        CHECK(begun.epoch() == 2);
        continue;
      }
      REQUIRE(two.position());
      const EpochPosition left = *two.position();
      CHECK(left.epoch == 1);
      CHECK(left.rows == rows);
      CHECK(left.batch_size == 3);
      CHECK(left.batches == std::uint64_t(owes ? 16 : stop));
      save_checkpoint(two, path);

      Resumed<T> three = resumed<T>(read_tensor_file(path), options);
      CHECK(three.trainer.steps() == two.steps());
      for (Trainer<T>* rest : {&two, &three.trainer}) {
        rest->epoch(data, stopping_at(2));  // a second time in this epoch, if it is not over
        if (rest->position()) CHECK(rest->epoch(data, usual) == costs[1]);
        CHECK(rest->epoch(data, usual) == costs[2]);
        CHECK(rest->network().epoch() == 3);
        CHECK(model_bytes(rest->network()) == model_bytes(whole));
      }
    }
  }
}

TEST_CASE("an epoch can be resumed after should_stop throws") {
  const Problem<float> problem;
  for (const Samples<float>& samples : {problem.samples, problem.one_hot}) {
    const TrainOptions options{.batch_size = 3, .l2 = 0.1};
    Network<float> whole = ready<float>(), begun = ready<float>();
    const Dataset<float> data(whole, samples);
    Trainer<float> one(whole, options), two(begun, options);
    const double cost = one.epoch(data, usual);
    EpochOptions thrower = usual;
    thrower.should_stop = []() -> bool { throw std::runtime_error("pressed"); };
    CHECK_THROWS_WITH_AS(two.epoch(data, thrower), "pressed", std::runtime_error);
    CHECK(two.position());
    CHECK(begun.epoch() == 0);
    CHECK(two.epoch(data, usual) == cost);
    CHECK(model_bytes(begun) == model_bytes(whole));
  }
}

TEST_CASE("an epoch is resumed only with the data and batch size with which it was stopped") {
  const Problem<float> problem;
  std::vector<std::int64_t> order(rows);
  permutation(order, 9, 9);
  const TrainOptions options{.batch_size = 3, .optimizer = Optimizer::momentum};
  Network<float> network = ready<float>();
  const Dataset<float> data(network, problem.samples);
  Trainer<float> trainer(network, options);
  // Stops an epoch, and counts the mini-batches of the next call.
  const auto left_by = [&](EpochOptions stopped, const EpochOptions& next) {
    network.set_epoch(0);
    trainer.set_position({});
    stopped.should_stop = [] { return true; };
    trainer.epoch(data, stopped);
    REQUIRE(trainer.position());
    const std::uint64_t before = trainer.steps();
    trainer.epoch(data, next);
    return trainer.steps() - before;
  };
  const EpochOptions as_they_lie{.learning_rate = 0.1, .shuffle = false};
  const EpochOptions given{.learning_rate = 0.1, .order = order};
  std::vector<std::int64_t> other_order = order;
  std::swap(other_order[0], other_order[60]);
  const EpochOptions other{.learning_rate = 0.1, .order = other_order};
  CHECK(left_by(usual, usual) == 20);
  CHECK(left_by(as_they_lie, as_they_lie) == 20);
  CHECK(left_by(given, given) == 20);
  CHECK(left_by(usual, as_they_lie) == 21);
  CHECK(left_by(as_they_lie, usual) == 21);
  CHECK(left_by(usual, given) == 21);
  CHECK(left_by(given, usual) == 21);
  CHECK(left_by(given, other) == 21);

  // At another epoch, with another batch size, or forgotten.
  trainer.epoch(data, stopping_at(1));
  const std::uint64_t epoch = network.epoch();
  network.set_epoch(7);
  CHECK(!trainer.position());
  network.set_epoch(epoch);
  CHECK(trainer.position());
  trainer.set_options({.batch_size = 4, .optimizer = Optimizer::momentum});
  const std::uint64_t before = trainer.steps();
  trainer.epoch(data, usual);
  CHECK(trainer.steps() - before == 16);

  CHECK_THROWS_WITH_AS(
      trainer.epoch(data, {.learning_rate = 0.1, .order = std::span<const std::int64_t>{}}),
      "the order has no rows; expected one at least", InvalidArgument);
  const EpochPosition whole{.rows = rows, .batch_size = 4, .batches = 16};
  CHECK_THROWS_AS(trainer.set_position(whole), InvalidArgument);
}

TEST_CASE("a divergence restores the state before the call, which can be repeated") {
  const Problem<float> problem;
  Network<float> network({.sizes = {3, 2}, .activations = {Activation::linear}}, 4);
  Trainer<float> trainer(network, {.batch_size = 3, .optimizer = Optimizer::momentum});
  const Dataset<float> data(network, problem.samples);
  trainer.epoch(data, stopping_at(5));
  const auto before = model_bytes(network);
  const std::vector<float> velocity(trainer.slots()[0].begin(), trainer.slots()[0].end());
  CHECK_THROWS_AS(trainer.epoch(data, {.learning_rate = 1e30}), DivergenceError);
  CHECK(model_bytes(network) == before);
  CHECK(std::equal(velocity.begin(), velocity.end(), trainer.slots()[0].begin()));
  REQUIRE(trainer.position());
  CHECK(trainer.position()->batches == 5);
  CHECK(trainer.steps() == 5);
}

TEST_CASE("changed options keep the optimiser's slots if the optimiser is the same") {
  const Problem<float> problem;
  Network<float> network = ready<float>();
  const Dataset<float> data(network, problem.samples);
  Trainer<float> trainer(network, {.batch_size = 3, .optimizer = Optimizer::momentum});
  trainer.epoch(data, usual);
  const std::vector<float> velocity(trainer.slots()[0].begin(), trainer.slots()[0].end());
  CHECK_THROWS_AS(trainer.set_options({.batch_size = 0}), InvalidArgument);
  trainer.set_options({.batch_size = 5, .optimizer = Optimizer::momentum, .l2 = 1});
  CHECK(trainer.options().batch_size == 5);
  CHECK(trainer.steps() == 21);
  CHECK(std::equal(velocity.begin(), velocity.end(), trainer.slots()[0].begin()));
  trainer.set_options({.optimizer = Optimizer::momentum, .hyperparameters = {0.5}});
  CHECK(trainer.steps() == 0);
  const auto slot = trainer.slots()[0];
  CHECK(std::count(slot.begin(), slot.end(), 0.f) == std::ssize(velocity));
  trainer.set_options({.optimizer = Optimizer::adam});
  CHECK(trainer.slots().size() == 2);
}

TEST_CASE("checkpoints of version 0.1.0 can be resumed, with the cost of the remaining rows") {
  const TemporaryDirectory directory;
  const auto path = directory / "run";
  const Problem<float> problem;
  const TrainOptions options = options_of(Optimizer::adam);
  Network<float> network = ready<float>(), whole = ready<float>();
  const Dataset<float> data(network, problem.samples);
  Trainer<float> trainer(network, options), one(whole, options);
  const double cost = one.epoch(data, usual);
  trainer.epoch(data, stopping_at(4));
  const EpochPosition left = trainer.position().value();
  save_checkpoint(trainer, path);

  const TensorFile file = read_tensor_file(path);
  const auto edited = [&](const std::string& unfinished) {
    auto metadata = file.metadata();
    metadata.erase("nncore.unfinished_order");
    metadata["nncore.unfinished"] = unfinished;
    std::vector<TensorView> tensors;
    for (const std::string& name : file.names()) {
      if (name != "optimizer.unfinished") tensors.push_back(file.at(name));
    }
    write_tensor_file(path, metadata, tensors);
    return read_tensor_file(path);
  };
  Resumed<float> old = resumed<float>(edited("61,3,4"), options);
  CHECK(old.trainer.epoch(data, usual) == doctest::Approx((cost * rows - left.cost) / (rows - 12)));
  CHECK(model_bytes(*old.network) == model_bytes(whole));

  for (const char* damaged : {"61,3,21", "61,0,4", "0,3,4", "61,3,18446744073709551615"}) {
    const TensorFile bad = edited(damaged);
    CHECK_THROWS_AS(resumed<float>(bad, options), ModelFileError);
  }
  CHECK(!resumed<float>(edited("0,0,0"), options).trainer.position());
}

TEST_CASE("a checkpoint that does not match is refused, and nothing is changed") {
  const TemporaryDirectory directory;
  const auto path = directory / "run";
  const Problem<float> problem;
  Network<float> network = ready<float>();
  Trainer<float> trainer(network, options_of(Optimizer::momentum));
  const Dataset<float> data(network, problem.samples);
  trainer.epoch(data, usual);
  save_checkpoint(trainer, path);
  const TensorFile file = read_tensor_file(path);

  Trainer<float> adam(network, options_of(Optimizer::adam));
  CHECK(has(fault([&] { resume(adam, file); }),
            "the checkpoint's optimiser is momentum(momentum=0.9); the trainer's is adam(beta_1="));
  Trainer<float> other(network, {.optimizer = Optimizer::momentum, .hyperparameters = {0.8}});
  CHECK(has(fault([&] { resume(other, file); }), "momentum(momentum=0.8)"));

  Trainer<float> fresh(network, options_of(Optimizer::momentum));
  trainer.epoch(data, usual);
  CHECK(has(fault([&] { resume(fresh, file); }),
            "another network: nncore.epoch is \"1\"; the network's is \"2\""));
  CHECK(fresh.steps() == 0);
  const std::span<float> velocity = fresh.slots()[0];
  for (const float v : velocity) CHECK(v == 0);

  save_model(network, path);
  CHECK(!saved_options(read_tensor_file(path)));
  CHECK(has(fault([&] { resume(fresh, read_tensor_file(path)); }),
            "a model without a trainer's state"));

  Network<double> wide(architecture, 4);
  wide.set_epoch(1);
  Trainer<double> trainer_of_wide(wide, options_of(Optimizer::momentum));
  CHECK(has(fault([&] { resume(trainer_of_wide, file); }), "to be F64"));

  const Network<float>::TrainAccess access(network);
  CHECK_THROWS_AS(save_checkpoint(trainer, path), BusyError);
  CHECK_THROWS_AS(resume(trainer, file), BusyError);
}

TEST_CASE("what could not be loaded is not saved") {
  const TemporaryDirectory directory;
  const auto path = directory / "run";
  Network<float> network = ready<float>();
  Trainer<float> trainer(network, options_of(Optimizer::momentum));
  trainer.slots()[0][0] = NAN;
  CHECK_THROWS_WITH_AS(save_checkpoint(trainer, path),
                       "the memory of momentum has NaN or infinite numbers; the checkpoint is not "
                       "saved",
                       InvalidArgument);
  CHECK(!std::filesystem::exists(path));
}

TEST_CASE("a model file keeps additional metadata and tensors") {
  const TemporaryDirectory directory;
  const auto path = directory / "model";
  const Network<float> network = ready<float>();
  const std::vector<double> means = {1, 2, 3};
  const Extras extras{{{"app.name", "sorter"}}, {{"app.means", DType::f64, {3}, means.data()}}};
  save_model(network, path, extras);
  const TensorFile file = read_tensor_file(path);
  CHECK(file.metadata().at("app.name") == "sorter");
  CHECK(file.tensor<double>("app.means", {3})[2] == 3);
  const auto found = std::get<Shared<Network<float>>>(model_from(file));
  CHECK(model_bytes(*found) == model_bytes(network));
  CHECK_THROWS_AS(save_model(network, path, {{{"nncore.cost", "none"}}, {}}), InvalidArgument);
  CHECK_THROWS_AS(save_model(network, path, {{}, {{"biases.1", DType::f64, {3}, means.data()}}}),
                  InvalidArgument);
}

}  // namespace test_checkpoint
