// Checkpoints: training goes on with the same bits, and what does not fit is refused.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "nncore/nncore.hpp"
#include "temporary_directory.hpp"

using namespace nncore;

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

// What is left of the epoch that was begun.
template <class T>
void train(Network<T>& network, Trainer<T>& trainer, const Samples<T>& samples,
           const Unfinished& left = {}, std::function<bool()> should_stop = {}) {
  std::vector<std::int64_t> order(rows);
  permutation(order, network.seed(), network.epoch());
  trainer.epoch(samples, std::span(order).subspan(left.batches * left.batch_size),
                {.learning_rate = 0.1,
                 .first_batch = left.batches,
                 .penalty_rows = rows,
                 .should_stop = std::move(should_stop)});
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

TEST_CASE_TEMPLATE("a run that goes on has the bits of one that never stopped", T, float, double) {
  const TemporaryDirectory directory;
  const auto path = directory / "run";
  const Problem<T> problem;
  for (std::size_t o = 0; o < 2 * optimizer_count; ++o) {
    CAPTURE(o);
    TrainOptions options = options_of(Optimizer(o / 2));
    if (o % 2) options.dropout = {};
    const Samples<T>& samples = o % 2 ? problem.one_hot : problem.samples;
    Network<T> whole = ready<T>();
    Trainer<T> one(whole, options);
    for (int epoch = 0; epoch < 3; ++epoch) train(whole, one, samples);

    Network<T> begun = ready<T>();
    Trainer<T> two(begun, options);
    train(begun, two, samples);
    const std::uint64_t before = two.steps();
    train(begun, two, samples, {}, [&] { return two.steps() >= before + 2; });
    const std::uint64_t batches = two.batches();
    // SGD stops where the decay that it owes to sparse rows is settled.
    CHECK(batches == (o % 2 && options.optimizer == Optimizer::sgd ? 16 : 2));
    save_checkpoint(begun, two, path, {rows, 3, batches});

    const TensorFile file = read_tensor_file(path);
    const auto network = std::get<std::shared_ptr<Network<T>>>(model_from(file));
    TrainOptions again = saved_options(file).value();
    CHECK(again.optimizer == options.optimizer);
    again.batch_size = options.batch_size, again.l2 = options.l2, again.dropout = options.dropout;
    Trainer<T> three(*network, again);
    const Unfinished left = resume(three, *network, file);
    CHECK(left.rows == rows);
    CHECK(left.batch_size == 3);
    CHECK(left.batches == batches);
    CHECK(three.steps() == two.steps());
    train(*network, three, samples, left);
    train(*network, three, samples);
    CHECK(network->epoch() == 3);
    CHECK(model_bytes(*network) == model_bytes(whole));
  }
}

TEST_CASE("a checkpoint of something else is refused, and nothing is changed") {
  const TemporaryDirectory directory;
  const auto path = directory / "run";
  const Problem<float> problem;
  Network<float> network = ready<float>();
  Trainer<float> trainer(network, options_of(Optimizer::momentum));
  train(network, trainer, problem.samples);
  save_checkpoint(network, trainer, path);
  const TensorFile file = read_tensor_file(path);

  Trainer<float> adam(network, options_of(Optimizer::adam));
  CHECK(has(fault([&] { resume(adam, network, file); }),
            "the checkpoint's optimiser is momentum(momentum=0.9); the trainer's is adam(beta_1="));
  Trainer<float> other(network, {.optimizer = Optimizer::momentum, .hyperparameters = {0.8}});
  CHECK(has(fault([&] { resume(other, network, file); }), "momentum(momentum=0.8)"));

  Trainer<float> fresh(network, options_of(Optimizer::momentum));
  train(network, trainer, problem.samples);
  CHECK(has(fault([&] { resume(fresh, network, file); }),
            "another network: nncore.epoch is \"1\"; the network's is \"2\""));
  CHECK(fresh.steps() == 0);
  const std::span<float> velocity = fresh.slots()[0];
  for (const float v : velocity) CHECK(v == 0);

  save_model(network, path);
  CHECK(!saved_options(read_tensor_file(path)));
  CHECK(has(fault([&] { resume(fresh, network, read_tensor_file(path)); }),
            "a model without a trainer's state"));

  Network<double> wide(architecture, 4);
  wide.set_epoch(1);
  Trainer<double> trainer_of_wide(wide, options_of(Optimizer::momentum));
  CHECK(has(fault([&] { resume(trainer_of_wide, wide, file); }), "to be F64"));

  const Network<float>::TrainAccess access(network);
  CHECK_THROWS_AS(save_checkpoint(network, trainer, path), BusyError);
  CHECK_THROWS_AS(resume(trainer, network, file), BusyError);
}

TEST_CASE("what cannot come back is not saved") {
  const TemporaryDirectory directory;
  const auto path = directory / "run";
  Network<float> network = ready<float>();
  Trainer<float> trainer(network, options_of(Optimizer::momentum));
  trainer.slots()[0][0] = NAN;
  CHECK_THROWS_WITH_AS(save_checkpoint(network, trainer, path),
                       "the memory of momentum has NaN or infinite numbers; the checkpoint is not "
                       "saved",
                       InvalidArgument);
  Network<float> small({.sizes = {1, 1}, .activations = {Activation::tanh}});
  CHECK_THROWS_AS(save_checkpoint(small, trainer, path), InvalidArgument);
  CHECK(!std::filesystem::exists(path));
}

TEST_CASE("a model file keeps what a program puts beside the model") {
  const TemporaryDirectory directory;
  const auto path = directory / "model";
  const Network<float> network = ready<float>();
  const std::vector<double> means = {1, 2, 3};
  const Extras extras{{{"app.name", "sorter"}}, {{"app.means", DType::f64, {3}, means.data()}}};
  save_model(network, path, extras);
  const TensorFile file = read_tensor_file(path);
  CHECK(file.metadata().at("app.name") == "sorter");
  CHECK(file.tensor<double>("app.means", {3})[2] == 3);
  const auto found = std::get<std::shared_ptr<Network<float>>>(model_from(file));
  CHECK(model_bytes(*found) == model_bytes(network));
  CHECK_THROWS_AS(save_model(network, path, {{{"nncore.cost", "none"}}, {}}), InvalidArgument);
  CHECK_THROWS_AS(save_model(network, path, {{}, {{"biases.1", DType::f64, {3}, means.data()}}}),
                  InvalidArgument);
}
