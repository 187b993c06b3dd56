// The public C++ API: building, predicting, training, files.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <thread>
#include <vector>

#include "nncore/nncore.hpp"
#include "temporary_directory.hpp"

using namespace nncore;

namespace test_network {
namespace {

Architecture small() {
  return {.sizes = {2, 4, 1},
          .activations = {Activation::tanh, Activation::sigmoid},
          .cost = Cost::cross_entropy};
}

const std::vector<float> corners = {0, 0, 0, 1, 1, 0, 1, 1};
const std::vector<std::int64_t> exclusive_or = {0, 1, 1, 0};

Samples<float> xor_samples() {
  return {MatrixView<const float>{corners.data(), 4, 2, 2},
          std::span<const std::int64_t>(exclusive_or),
          {}};
}

Network<float> ready(std::uint64_t seed = 1) {
  Network<float> network(small(), seed);
  network.initialize(std::vector{Initializer::normal, Initializer::normal});
  return network;
}

}  // namespace

TEST_CASE("a small network learns exclusive or") {
  Network<float> network = ready();
  Trainer<float> trainer(network, {.batch_size = 4, .optimizer = Optimizer::adam});
  const double before = network.evaluate(xor_samples()).cost;
  const Dataset<float> data(network, xor_samples());
  for (int i = 0; i < 500; ++i) trainer.epoch(data, {.learning_rate = 0.05});
  const Evaluation after = network.evaluate(xor_samples());
  CHECK(after.cost < 0.05);
  CHECK(after.cost < before / 10);
  CHECK(after.accuracy == 1.0);
  CHECK(network.epoch() == 500);
  CHECK(trainer.steps() == 500);
}

TEST_CASE("an illegal architecture is refused with the legal choices") {
  Architecture a = small();
  a.activations.back() = Activation::relu;
  CHECK_THROWS_WITH_AS(Network<float>{a},
                       "the cost cross_entropy does not go with the output activation relu; "
                       "expected one of sigmoid",
                       InvalidArgument);
  CHECK_THROWS_AS(Network<float>(Architecture{.sizes = {3}, .activations = {}}), InvalidArgument);
  CHECK_THROWS_AS(Network<float>(Architecture{.sizes = {3, 0}, .activations = {Activation::tanh}}),
                  InvalidArgument);
  constexpr std::size_t wide = std::numeric_limits<std::size_t>::max() >> 8;
  CHECK_THROWS_AS(
      Network<float>(Architecture{.sizes = {wide, wide}, .activations = {Activation::tanh}}),
      InvalidArgument);
}

TEST_CASE("step units predict and refuse to be trained") {
  Network<float> network({.sizes = {2, 1}, .activations = {Activation::step}});
  network.weights(0).row(0)[0] = -2;
  network.weights(0).row(1)[0] = -2;
  network.biases(0)[0] = 3;
  std::vector<std::int64_t> labels(4);
  network.predict(xor_samples().x, labels);
  CHECK(labels == std::vector<std::int64_t>{1, 1, 1, 0});  // NAND
  CHECK_THROWS_AS(Trainer<float>(network, {}), InvalidArgument);
}

TEST_CASE("a divergence is reported and the parameters restored") {
  Architecture a{.sizes = {2, 3, 1}, .activations = {Activation::linear, Activation::linear}};
  Network<float> network(a, 3);
  network.initialize(std::vector{Initializer::normal, Initializer::normal});
  const std::vector<float> before(network.parameters().begin(), network.parameters().end());
  Trainer<float> trainer(network, {.batch_size = 1, .optimizer = Optimizer::momentum});
  try {
    trainer.epoch({network, xor_samples()}, {.learning_rate = 1e30});
    FAIL("expected a DivergenceError");
  } catch (const DivergenceError& error) {
    CHECK(error.epoch() == 0);
  }
  CHECK(std::equal(before.begin(), before.end(), network.parameters().begin()));
  const std::span<float> velocity = trainer.slots()[0];
  for (const float v : velocity) CHECK(v == 0);
  CHECK(trainer.steps() == 0);
}

TEST_CASE("outputs must have the size of the result") {
  const Network<float> network = ready();
  const Inputs<float> x = xor_samples().x;
  std::vector<float> room(100);
  std::vector<std::int64_t> labels(4);
  const auto matrix = [&](std::size_t rows, std::size_t cols, std::size_t stride) {
    return MatrixView<float>{room.data(), rows, cols, stride};
  };
  CHECK_THROWS_WITH_AS(network.feedforward(x, matrix(3, 1, 1)), "out is 3 x 1; expected 4 x 1",
                       InvalidArgument);
  CHECK_THROWS_WITH_AS(network.feedforward(x, matrix(4, 2, 2)), "out is 4 x 2; expected 4 x 1",
                       InvalidArgument);
  CHECK_THROWS_WITH_AS(network.feedforward(x, matrix(4, 1, 0)),
                       "out has the stride 0; expected at least its 1 columns", InvalidArgument);
  CHECK_THROWS_WITH_AS(network.activations(x, std::vector{matrix(4, 4, 4)}),
                       "out has 1 matrices; expected 2, one a layer behind the inputs",
                       InvalidArgument);
  CHECK_THROWS_WITH_AS(network.activations(x, std::vector{matrix(4, 4, 4), matrix(4, 4, 4)}),
                       "out[1] is 4 x 4; expected 4 x 1", InvalidArgument);
  CHECK_THROWS_WITH_AS(network.predict(x, std::span(labels).first(3)),
                       "there is room for 3 labels; x has 4 rows", InvalidArgument);
  CHECK_THROWS_WITH_AS(network.input_gradients(xor_samples(), matrix(4, 1, 2)),
                       "out is 4 x 1; expected 4 x 2", InvalidArgument);
  CHECK_THROWS_WITH_AS(network.gradients(xor_samples(), room),
                       "the gradients have room for 100 numbers; expected 128", InvalidArgument);
  network.feedforward(x, matrix(4, 1, 7));
  network.predict(x, labels);
  for (std::size_t i = 0; i < 4; ++i) CHECK(labels[i] == (room[7 * i] > 0.5f));
}

TEST_CASE("hyperparameters are set by name") {
  TrainOptions options{.optimizer = Optimizer::rmsprop};
  set_hyperparameter(options, "epsilon", 1e-3);
  CHECK(options.hyperparameters == std::vector{0.9, 1e-3});
  set_hyperparameter(options, "rho", 0.5);
  CHECK(options.hyperparameters == std::vector{0.5, 1e-3});
  CHECK_THROWS_WITH_AS(set_hyperparameter(options, "beta", 0.5),
                       "the optimizer rmsprop has no hyperparameter 'beta'; it takes rho, epsilon",
                       InvalidArgument);
  TrainOptions plain;
  CHECK_THROWS_WITH_AS(set_hyperparameter(plain, "rho", 0.5),
                       "the optimizer sgd has no hyperparameter 'rho'; it takes none",
                       InvalidArgument);
  TrainOptions many{.optimizer = Optimizer::momentum, .hyperparameters = {0.9, 0.9}};
  CHECK_THROWS_WITH_AS(set_hyperparameter(many, "momentum", 0.5),
                       "there are 2 hyperparameters; the optimizer momentum takes 1",
                       InvalidArgument);
  Network<float> network = ready();
  CHECK_THROWS_AS(Trainer<float>(network, many), InvalidArgument);
  CHECK_THROWS_WITH_AS(
      Trainer<float>(network, {.optimizer = Optimizer::momentum, .hyperparameters = {1}}),
      "momentum is 1; expected 0 or more and less than 1", InvalidArgument);
  const Trainer<float> rest(network, {.optimizer = Optimizer::rmsprop, .hyperparameters = {0.5}});
  CHECK(rest.options().hyperparameters == std::vector{0.5, 1e-8});
}

TEST_CASE("padding stays zero, whatever the activation") {
  // exp(0) is not 0. Activations of the padding must not add up over mini-batches.
  for (const Activation hidden : {Activation::exponential, Activation::softplus}) {
    Network<double> network(
        {.sizes = {2, 3, 17, 1}, .activations = {hidden, hidden, Activation::linear}}, 2);
    network.initialize(std::vector(3, Initializer::glorot_uniform));
    const std::vector<double> x(corners.begin(), corners.end());
    const Samples<double> samples{MatrixView<const double>{x.data(), 4, 2, 2},
                                  std::span<const std::int64_t>(exclusive_or),
                                  {}};
    Trainer<double> trainer(network, {.batch_size = 3, .optimizer = Optimizer::momentum});
    const Dataset<double> data(network, samples);
    for (int epoch = 0; epoch < 30; ++epoch) trainer.epoch(data, {.learning_rate = 1e-3});
    for (const Layer& layer : network.layers()) {
      for (std::size_t i = layer.weights_offset; i < layer.biases_offset + layer.stride; ++i) {
        if ((i - layer.weights_offset) % layer.stride >= layer.out) {
          REQUIRE(network.parameters()[i] == 0);
        }
      }
    }
  }
}

TEST_CASE("the bits do not depend on the number of threads") {
  const int usual = num_threads();
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    Network<float> network(
        {.sizes = {150, 300, 40, 10},
         .activations = {Activation::relu, Activation::tanh, Activation::softmax},
         .cost = Cost::log_likelihood},
        7);
    network.initialize(
        std::vector{Initializer::he_normal, Initializer::glorot_uniform, Initializer::scaled});
    std::vector<float> x(300 * 150);
    std::vector<std::int64_t> y(300);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 37 % 101) / 100;
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = static_cast<std::int64_t>(i * 7 % 10);
    const Samples<float> samples{
        MatrixView<const float>{x.data(), 300, 150, 150}, std::span<const std::int64_t>(y), {}};
    Trainer<float> trainer(
        network, {.batch_size = 128, .optimizer = Optimizer::adam, .dropout = {0.1, 0.5, 0.5}});
    const Dataset<float> data(network, samples);
    for (int epoch = 0; epoch < 3; ++epoch) trainer.epoch(data, {.learning_rate = 0.01});
    results.emplace_back(network.parameters().begin(), network.parameters().end());
  }
  set_num_threads(usual);
  CHECK(results[0] == results[1]);
  CHECK(results[0] == results[2]);
}

TEST_CASE("a network in training refuses all other calls") {
  Network<float> network = ready();
  const Network<float>::TrainAccess access(network);
  CHECK_THROWS_AS(network.evaluate(xor_samples()), BusyError);
  Trainer<float> trainer(network, {});
  CHECK_THROWS_AS(trainer.epoch({network, xor_samples()}, {.learning_rate = 0.1}), BusyError);
  CHECK_THROWS_AS(trainer.set_options({}), BusyError);
  CHECK_THROWS_AS(static_cast<void>(trainer.position()), BusyError);
}

TEST_CASE("a session keeps others from training between epochs, but not from reading") {
  Network<float> network = ready();
  Trainer<float> trainer(network, {});
  const Dataset<float> data(network, xor_samples());
  const auto elsewhere = [](auto call) {
    bool refused = false;
    std::jthread([&] {
      try {
        call();
      } catch (const BusyError&) {
        refused = true;
      }
    }).join();
    return refused;
  };
  const auto train = [&] { trainer.epoch(data, {.learning_rate = 0.1}); };
  {
    const Network<float>::Session session(network);
    CHECK_THROWS_AS(Network<float>::Session{network}, BusyError);
    CHECK(elsewhere([&] { const Network<float>::Session second(network); }));
    train();
    network.check_no_session_elsewhere();
    CHECK(elsewhere(train));
    CHECK(elsewhere([&] { network.check_no_session_elsewhere(); }));
    CHECK(elsewhere([&] { network.initialize(std::vector(2, Initializer::normal)); }));
    CHECK_FALSE(elsewhere([&] { network.evaluate(xor_samples()); }));
    CHECK_FALSE(elsewhere([&] { const Network<float> copy(network); }));
  }
  CHECK_FALSE(elsewhere(train));
  CHECK_FALSE(elsewhere([&] { network.check_no_session_elsewhere(); }));
  CHECK(network.epoch() == 2);
}

TEST_CASE("many threads predict with one network") {
  const Network<float> network = ready();
  std::vector<float> expected(4);
  network.feedforward(xor_samples().x, {expected.data(), 4, 1, 1});
  std::vector<std::vector<float>> found(4, std::vector<float>(4));
  {
    std::vector<std::jthread> threads;
    for (std::vector<float>& out : found) {
      threads.emplace_back([&] {
        for (int i = 0; i < 200; ++i) network.feedforward(xor_samples().x, {out.data(), 4, 1, 1});
      });
    }
  }
  for (const std::vector<float>& out : found) CHECK(out == expected);
}

TEST_CASE("an epoch can be stopped after a mini-batch") {
  Network<float> network = ready();
  Trainer<float> trainer(network, {.batch_size = 1});
  int asked = 0;
  trainer.epoch({network, xor_samples()},
                {.learning_rate = 0.1, .should_stop = [&] { return ++asked == 2; }});
  CHECK(trainer.steps() == 2);
  CHECK(network.epoch() == 0);  // the epoch is not complete
}

TEST_CASE("an epoch tells what each mini-batch cost") {
  Network<float> network = ready();
  const Dataset<float> data(network, xor_samples());
  Trainer<float> trainer(network, {.batch_size = 3, .l2 = 1});
  std::vector<MiniBatchCost> told;
  const double mean = trainer.epoch(
      data, {.learning_rate = 0.1,
             .cost_with_penalty = true,
             .after_mini_batch = [&](const MiniBatchCost& cost) { told.push_back(cost); }});
  REQUIRE(told.size() == 2);
  CHECK(told[0].number == 0);
  CHECK(told[1].number == 1);
  CHECK(told[0].weight == 3);
  CHECK(told[1].weight == 1);
  double sum = 0;
  for (const MiniBatchCost& cost : told) {
    CHECK(cost.penalty > 0);
    sum += cost.cost + cost.weight * cost.penalty;
  }
  CHECK(mean == doctest::Approx(sum / 4));
}

TEST_CASE("what is thrown after a mini-batch undoes the epoch") {
  Network<float> network = ready();
  const std::vector<float> before(network.parameters().begin(), network.parameters().end());
  Trainer<float> trainer(network, {.batch_size = 1});
  const auto fail = [](const MiniBatchCost& cost) {
    if (cost.number == 2) throw std::runtime_error("enough");
  };
  const Dataset<float> data(network, xor_samples());
  CHECK_THROWS_WITH(trainer.epoch(data, {.learning_rate = 0.1, .after_mini_batch = fail}),
                    "enough");
  CHECK(std::equal(before.begin(), before.end(), network.parameters().begin()));
  CHECK(trainer.steps() == 0);
  CHECK(!trainer.position());
  CHECK(network.epoch() == 0);
}

TEST_CASE("each mini-batch of an epoch may have a learning rate of its own") {
  const auto rate_of = [](std::uint64_t number) { return 0.5 / double(number + 1); };
  Network<float> network = ready(), stepped = ready();
  const Dataset<float> data(network, xor_samples());
  Trainer<float>(network, {.batch_size = 1})
      .epoch(data, {.learning_rate = 99, .shuffle = false, .batch_learning_rate = rate_of});
  Trainer<float> trainer(stepped, {.batch_size = 1});
  for (std::int64_t row = 0; row < 4; ++row) {
    const std::vector<std::int64_t> order{row};
    trainer.step(data.samples(), {.learning_rate = rate_of(std::uint64_t(row)), .order = order});
  }
  CHECK(std::equal(network.parameters().begin(), network.parameters().end(),
                   stepped.parameters().begin()));

  Trainer<float> refused(network, {.batch_size = 1});
  const auto negative = [](std::uint64_t number) { return number == 2 ? -1.0 : 0.1; };
  CHECK_THROWS_AS(refused.epoch(data, {.learning_rate = 0.1, .batch_learning_rate = negative}),
                  InvalidArgument);
  CHECK(refused.steps() == 0);
}

TEST_CASE("costs may be told of outputs clipped away from 0 and 1, with the same gradients") {
  const std::vector<double> x{1000, -1000, 1};
  const std::vector<std::int64_t> wrong{0, 1, 1};
  for (const bool softmax : {false, true}) {
    Architecture architecture{.sizes = {1, softmax ? std::size_t{2} : std::size_t{1}},
                              .activations = {softmax ? Activation::softmax : Activation::sigmoid},
                              .cost = softmax ? Cost::log_likelihood : Cost::cross_entropy};
    Network<double> exact(architecture), clipped(architecture);
    for (Network<double>* network : {&exact, &clipped}) {
      network->weights(0).row(0)[softmax ? 1 : 0] = 1;  // z = x is the logit of class 1
    }
    const Samples<double> samples{{x, 1}, wrong};
    const auto cost_of = [&](Network<double>& network, double epsilon) {
      return Trainer<double>(network, {.batch_size = 3})
          .epoch(samples, {.learning_rate = 0.01, .cost_epsilon = epsilon});
    };
    const double one = std::log1p(std::exp(-1.0));
    CHECK(cost_of(exact, 0) == doctest::Approx((2000 + one) / 3));
    CHECK(cost_of(clipped, 1e-6) == doctest::Approx((-2 * std::log(1e-6) + one) / 3).epsilon(1e-9));
    CHECK(std::equal(exact.parameters().begin(), exact.parameters().end(),
                     clipped.parameters().begin()));
  }
}

TEST_CASE("loading a model file restores the same network") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "model.safetensors";
  Network<float> network = ready(5);
  network.set_epoch(12);
  save_model(network, path);
  const AnyNetwork any = load_model(path);
  const auto& loaded = *std::get<Shared<Network<float>>>(any);
  CHECK(loaded.architecture().sizes == network.architecture().sizes);
  CHECK(loaded.architecture().activations == network.architecture().activations);
  CHECK(loaded.architecture().cost == network.architecture().cost);
  CHECK(loaded.seed() == 5);
  CHECK(loaded.epoch() == 12);
  CHECK(std::equal(network.parameters().begin(), network.parameters().end(),
                   loaded.parameters().begin()));
}

TEST_CASE("an inconsistent model file is refused") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "model.safetensors";
  const Network<float> network = ready();
  const std::vector<float> w(8, 0.5f), b(4, 0.5f), v(4, 0.5f), c(1, 0.5f);
  const std::vector<TensorView> sound = {{"weights.0", DType::f32, {4, 2}, w.data()},
                                         {"biases.0", DType::f32, {4}, b.data()},
                                         {"weights.1", DType::f32, {1, 4}, v.data()},
                                         {"biases.1", DType::f32, {1}, c.data()}};
  const auto refused = [&](auto change) {
    auto metadata = model_metadata(network);
    auto tensors = sound;
    change(metadata, tensors);
    write_tensor_file(path, metadata, tensors);
    CHECK_THROWS_AS(load_model(path), ModelFileError);
  };
  write_tensor_file(path, model_metadata(network), sound);
  CHECK_NOTHROW(load_model(path));
  refused([](auto& m, auto&) { m.clear(); });
  refused([](auto& m, auto&) { m["nncore.format"] = "2"; });
  refused([](auto& m, auto&) { m["nncore.sizes"] = "2,4"; });
  refused([](auto& m, auto&) { m["nncore.sizes"] = "2,-4,1"; });
  refused([](auto& m, auto&) { m["nncore.sizes"] = "4294967296,4294967296,1"; });
  refused([](auto& m, auto&) { m["nncore.sizes"] = "4294967298,4,1"; });  // 2 in 32 bits
  refused([](auto& m, auto&) { m["nncore.sizes"] = "2,4,18446744073709551616"; });
  refused([](auto& m, auto&) { m["nncore.activations"] = "tanh"; });
  refused([](auto& m, auto&) { m["nncore.activations"] = "tanh,sinusoid"; });
  refused([](auto& m, auto&) { m["nncore.activations"] = "tanh,relu"; });
  refused([](auto& m, auto&) { m["nncore.cost"] = ""; });
  refused([](auto& m, auto&) { m["nncore.seed"] = "one"; });
  refused([](auto&, auto& t) { t.pop_back(); });
  refused([](auto&, auto& t) { t[0].shape = {2, 4}; });
  refused([](auto&, auto& t) { t[1].dtype = DType::f64, t[1].shape = {2}; });
  refused([](auto&, auto& t) { t[0].name = "weights.00"; });
  std::vector<float> bad = w;
  bad[4] = NAN;
  refused([&](auto&, auto& t) { t[0].data = bad.data(); });
}

TEST_CASE("samples of the wrong shape are refused with what was found") {
  const Network<float> network = ready();
  Samples<float> samples = xor_samples();
  samples.x = MatrixView<const float>{corners.data(), 2, 3, 3};
  CHECK_THROWS_WITH_AS(check(network, samples), "x has 3 columns; the network takes 2",
                       InvalidArgument);
  const std::vector<std::int64_t> labels = {0, 1, 2, 0};
  samples = xor_samples();
  samples.y = std::span<const std::int64_t>(labels);
  CHECK_THROWS_AS(network.evaluate(samples), InvalidArgument);
  std::vector<float> x = corners;
  x[5] = INFINITY;
  samples = xor_samples();
  samples.x = MatrixView<const float>{x.data(), 4, 2, 2};
  CHECK_THROWS_WITH_AS(check(network, samples),
                       "x has infinity in row 2, column 1; expected finite numbers",
                       InvalidArgument);
}

TEST_CASE("an epoch of samples is one of their data set") {
  Network<float> a = ready(), b = ready();
  Trainer<float> from_samples(a, {.batch_size = 2, .l2 = 0.1}),
      from_data(b, {.batch_size = 2, .l2 = 0.1});
  const Samples<float> samples{{corners, 2}, exclusive_or};
  CHECK(from_samples.epoch(samples, {.learning_rate = 0.5}) ==
        from_data.epoch(Dataset<float>(b, xor_samples()), {.learning_rate = 0.5}));
  CHECK(std::equal(a.parameters().begin(), a.parameters().end(), b.parameters().begin()));
  const std::vector<std::int64_t> wrong = {0, 1, 2, 0};
  CHECK_THROWS_AS(from_samples.epoch({{corners, 2}, wrong}, {.learning_rate = 0.5}),
                  InvalidArgument);
  CHECK(a.epoch() == 1);
}

TEST_CASE("spans are rows where they are whole rows") {
  const Inputs<float> x(corners, 2);
  CHECK(x.rows() == 4);
  CHECK(x.cols() == 2);
  CHECK(x.dense.row(3) == corners.data() + 6);
  const Targets<float> y(corners, 4);
  CHECK(y.values.rows == 2);
  CHECK_FALSE(y.are_labels());
  CHECK_THROWS_WITH_AS(Inputs<float>(corners, 3), "8 elements are no rows of 3 columns",
                       InvalidArgument);
  CHECK_THROWS_AS(Inputs<float>(corners, 0), InvalidArgument);
  CHECK(Inputs<float>(std::span<const float>(), 2).rows() == 0);
}

TEST_CASE("trainers and predictors move") {
  Network<float> a = ready(1), b = ready(2), alone = ready(2);
  const Dataset<float> data(a, xor_samples());
  Trainer<float> trainer(a, {.optimizer = Optimizer::adam});
  trainer.epoch(data, {.learning_rate = 0.1});
  Trainer<float> other(b, {.optimizer = Optimizer::momentum}),
      same(alone, {.optimizer = Optimizer::momentum});
  other.epoch(data, {.learning_rate = 0.1});
  trainer = std::move(other);
  CHECK(&trainer.network() == &b);
  CHECK(trainer.steps() == 1);
  trainer.epoch(data, {.learning_rate = 0.1});
  for (int i = 0; i < 2; ++i) same.epoch(data, {.learning_rate = 0.1});
  CHECK(std::equal(b.parameters().begin(), b.parameters().end(), alone.parameters().begin()));

  Predictor<float> first(a, 4), second(b, 4);
  first = std::move(second);
  std::vector<float> moved(4), expected(4);
  first.feedforward(xor_samples().x, as_rows(std::span(moved), 1));
  b.feedforward(xor_samples().x, as_rows(std::span(expected), 1));
  CHECK(moved == expected);
}

TEST_CASE("a model is loaded in a dtype, or its own is named") {
  const TemporaryDirectory directory;
  const auto path = directory / "model.safetensors";
  const Network<float> network = ready();
  save_model(network, path);
  const auto loaded = load_model<float>(path);
  CHECK(std::equal(network.parameters().begin(), network.parameters().end(),
                   loaded->parameters().begin()));
  const std::string message = path.string() + ": its parameters are float32; expected float64";
  CHECK_THROWS_WITH_AS(load_model<double>(path), message.c_str(), ModelFileError);
}

}  // namespace test_network
