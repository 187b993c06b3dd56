// A call of one mini-batch, which makes no copy of the parameters where it is sure to leave them
// finite: what it cannot leave so is taken back all the same.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "every.hpp"
#include "kernels/optimizers.hpp"
#include "model/parameter_access.hpp"
#include "model/visit.hpp"
#include "nncore/nncore.hpp"
#include "temporary_directory.hpp"

using namespace nncore;

namespace test_undo {
namespace {

// The bits of the parameters and of the optimiser's memory.
template <class T>
std::vector<std::vector<T>> state_of(const Network<T>& network, const Trainer<T>& trainer) {
  std::vector<std::vector<T>> blocks{{network.parameters().begin(), network.parameters().end()}};
  for (const std::span<const T> slot : trainer.slots())
    blocks.emplace_back(slot.begin(), slot.end());
  return blocks;
}

template <class T>
bool same_bits(const std::vector<std::vector<T>>& a, const std::vector<std::vector<T>>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].size() != b[i].size()) return false;
    if (std::memcmp(a[i].data(), b[i].data(), a[i].size() * sizeof(T)) != 0) return false;
  }
  return true;
}

// A row of 40 inputs, two of which are not zero; a target a row.
template <class T>
struct OneRow {
  std::vector<T> x = std::vector<T>(40), y = {1000};
  std::vector<T> values = {1, 2};
  std::vector<std::int32_t> columns = {3, 30};
  std::vector<std::int64_t> offsets = {0, 2};

  OneRow() { x[3] = 1, x[30] = 2; }
  Samples<T> dense() const {
    return {MatrixView<const T>{x.data(), 1, 40, 40}, MatrixView<const T>{y.data(), 1, 1, 1}, {}};
  }
  Samples<T> sparse() const {
    return {SparseView<T>{values.data(), columns.data(), offsets.data(), 1, 40},
            MatrixView<const T>{y.data(), 1, 1, 1},
            {}};
  }
};

// Of as many parameters as it takes for a step not to copy them.
template <class T>
Network<T> linear() {
  Network<T> network(
      {.sizes = {40, 100, 1}, .activations = {Activation::linear, Activation::linear}}, 3);
  network.initialize(std::vector(2, Initializer::glorot_uniform));
  return network;
}

}  // namespace

TEST_CASE_TEMPLATE("a step that diverges is undone, whatever optimises", T, float, double) {
  const OneRow<T> row;
  const double far = double(std::numeric_limits<T>::max());
  for (const bool sparse : {false, true}) {
    for (std::size_t o = 0; o < all_names<Optimizer>().size(); ++o) {
      CAPTURE(name(static_cast<Optimizer>(o)));
      CAPTURE(sparse);
      for (const double l2 : {0.0, 0.1}) {
        const Samples<T> samples = sparse ? row.sparse() : row.dense();
        Network<T> network = linear<T>();
        Trainer<T> trainer(network, {.optimizer = static_cast<Optimizer>(o), .l2 = l2});
        trainer.step(samples, {.learning_rate = 1e-5});
        const auto before = state_of(network, trainer);
        CHECK_THROWS_AS(trainer.step(samples, {.learning_rate = far}), DivergenceError);
        CHECK(same_bits(before, state_of(network, trainer)));
        CHECK(trainer.steps() == 1);
        trainer.step(samples, {.learning_rate = 1e-5});  // and training goes on
        CHECK(trainer.steps() == 2);
        CHECK(!same_bits(before, state_of(network, trainer)));
      }
    }
  }
}

// A step either leaves all numbers finite, or says that it diverged and leaves all bits as they
// were. True if it diverged.
template <class T>
bool diverged(Network<T>& network, Trainer<T>& trainer, const Samples<T>& samples, double rate) {
  const auto before = state_of(network, trainer);
  const std::uint64_t steps = trainer.steps();
  try {
    trainer.step(samples, {.learning_rate = rate});
  } catch (const DivergenceError&) {
    CHECK(same_bits(before, state_of(network, trainer)));
    CHECK(trainer.steps() == steps);
    return true;
  }
  CHECK(network.all_finite());
  CHECK(trainer.steps() == steps + 1);
  return false;
}

TEST_CASE_TEMPLATE("a step is finite or undone at every rate up to the largest number", T, float,
                   double) {
  const OneRow<T> row;
  const double far = double(std::numeric_limits<T>::max());
  // A row that has one column 400 times: its gradient is 400 times as large as its factors say.
  std::vector<T> values(400, 1);
  std::vector<std::int32_t> columns(400, 3);
  std::vector<std::int64_t> offsets = {0, 400};
  const Samples<T> repeated{SparseView<T>{values.data(), columns.data(), offsets.data(), 1, 40},
                            MatrixView<const T>{row.y.data(), 1, 1, 1},
                            {}};
  for (std::size_t o = 0; o < all_names<Optimizer>().size(); ++o) {
    CAPTURE(name(static_cast<Optimizer>(o)));
    for (const Samples<T>& samples : {row.dense(), row.sparse(), repeated}) {
      for (const double penalty : {0.0, 0.5}) {
        int undone = 0, tried = 0;
        for (int down = 0; down < 40; down += every(3), ++tried) {
          Network<T> network = linear<T>();
          // No other gradient is as large then as those of the column.
          std::fill_n(network.weights(0).row(3), 100, T(0));
          Trainer<T> trainer(network, {.optimizer = static_cast<Optimizer>(o),
                                       .l2 = penalty,
                                       .l1 = penalty,
                                       .clip_norm = penalty});
          undone += diverged(network, trainer, samples, far * std::pow(2.0, -down));
        }
        CHECK((undone > 0 || penalty > 0));  // a clipped gradient may go anywhere
        CHECK(undone < tried);
      }
    }
  }
}

TEST_CASE_TEMPLATE("a step is finite or undone, whatever parameters and slots hold", T, float,
                   double) {
  const OneRow<T> row;
  const T far = std::numeric_limits<T>::max(), nan = std::numeric_limits<T>::quiet_NaN();
  for (std::size_t o = 0; o < all_names<Optimizer>().size(); ++o) {
    const auto optimizer = static_cast<Optimizer>(o);
    CAPTURE(name(optimizer));
    for (const T held : {far, T(far / 2), T(far / 40), T(-far), T(-1), nan}) {
      CAPTURE(held);
      Network<T> network = linear<T>();
      Trainer<T> trainer(network, {.optimizer = optimizer});
      network.weights(0).row(5)[7] = held;
      if (optimizer != Optimizer::sgd) {  // which does not look at what meets no input
        CHECK(diverged(network, trainer, row.sparse(), 1e-5) == std::isnan(held));
      }
      for (std::size_t slot = 0; slot < trainer.slots().size(); ++slot) {
        Network<T> other = linear<T>();
        Trainer<T> one(other, {.optimizer = optimizer});
        one.slots()[slot][7] = held;
        diverged(other, one, row.dense(), 1e-5);
        diverged(other, one, row.dense(), double(far) / 1e10);
      }
    }
    if (optimizer_slots(optimizer) == 0 || optimizer == Optimizer::momentum ||
        optimizer == Optimizer::nesterov) {
      continue;
    }
    // The root of a negative number.
    Network<T> network = linear<T>();
    Trainer<T> trainer(network, {.optimizer = optimizer});
    trainer.slots().back()[7] = -1;
    CHECK(diverged(network, trainer, row.dense(), 1e-5));
  }
}

TEST_CASE("a step with a gradient that is not finite is undone, whatever optimises") {
  OneRow<float> row;
  row.y = {1e30f};  // at a finite cost
  for (const float weight : {1e10f, 1e20f}) {
    for (const double clip : {0.0, 1.0}) {
      for (std::size_t o = 0; o < all_names<Optimizer>().size(); ++o) {
        CAPTURE(name(static_cast<Optimizer>(o)));
        Network<float> network = linear<float>();
        network.weights(1).row(7)[0] = weight;  // takes that unit's delta beyond float
        Trainer<float> trainer(network,
                               {.optimizer = static_cast<Optimizer>(o), .clip_norm = clip});
        CHECK(diverged(network, trainer, row.dense(), 1e-5));
      }
    }
  }
}

TEST_CASE("where nothing stands between a gradient and a quotient by zero, the step is undone") {
  const OneRow<float> row;
  for (const Optimizer optimizer : {Optimizer::rmsprop, Optimizer::adagrad, Optimizer::adam}) {
    CAPTURE(name(optimizer));
    TrainOptions options{.optimizer = optimizer};
    set_hyperparameter(options, "epsilon", 0);
    Network<float> network = linear<float>();
    Trainer<float> trainer(network, options);
    CHECK(diverged(network, trainer, row.dense(), 1e-5));  // zeros of x: 0 / 0
  }
}

TEST_CASE("an epoch of one mini-batch that diverges is undone") {
  const OneRow<float> row;
  Network<float> network = linear<float>();
  Trainer<float> trainer(network, {});
  const auto before = state_of(network, trainer);
  const Dataset<float> data(network, row.dense());
  CHECK_THROWS_AS(trainer.epoch(data, {.learning_rate = 3e38}), DivergenceError);
  CHECK(same_bits(before, state_of(network, trainer)));
  CHECK(network.epoch() == 0);
}

TEST_CASE("a step goes through where parameters are near the largest number") {
  const OneRow<float> row;
  Network<float> network = linear<float>(), other = linear<float>();
  const float large = 3e38f;
  network.weights(0).row(5)[7] = large;  // which meets a zero of x
  Trainer<float> trainer(network, {}), plain(other, {});
  trainer.step(row.dense(), {.learning_rate = 1e-5});
  plain.step(row.dense(), {.learning_rate = 1e-5});
  CHECK(network.weights(0).row(5)[7] == large);
  other.weights(0).row(5)[7] = large;
  CHECK(same_bits(state_of(network, trainer), state_of(other, plain)));
}

TEST_CASE("a parameter that was not finite already ends a step that changes it") {
  const OneRow<float> row;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const Optimizer optimizer : {Optimizer::sgd, Optimizer::adam}) {
    Network<float> network = linear<float>();
    network.weights(0).row(5)[7] = nan;  // which meets a zero of x
    Trainer<float> trainer(network, {.optimizer = optimizer});
    const auto before = state_of(network, trainer);
    CHECK_THROWS_AS(trainer.step(row.dense(), {.learning_rate = 1e-5}), DivergenceError);
    CHECK(same_bits(before, state_of(network, trainer)));
    CHECK(trainer.steps() == 0);
  }
}

TEST_CASE("a step has the bits of the same mini-batch in an epoch of several") {
  std::vector<float> x(80), y = {3, -2};
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = float(i % 7) / 7;
  const MatrixView<const float> rows{x.data(), 2, 40, 40};
  for (std::size_t o = 0; o < all_names<Optimizer>().size(); ++o) {
    const TrainOptions options{
        .batch_size = 1, .optimizer = static_cast<Optimizer>(o), .l2 = 0.01, .l1 = 0.001};
    Network<float> a = linear<float>(), b = linear<float>();
    Trainer<float> epochs(a, options), steps(b, options);
    const Samples<float> samples{rows, MatrixView<const float>{y.data(), 2, 1, 1}, {}};
    epochs.epoch({a, samples}, {.learning_rate = 0.01, .shuffle = false});
    for (std::int64_t i = 0; i < 2; ++i) {
      const std::int64_t order[] = {i};
      steps.step(samples, {.learning_rate = 0.01, .order = order, .penalty_rows = 2});
    }
    CHECK(same_bits(state_of(a, epochs), state_of(b, steps)));
  }
}

TEST_CASE("what is told of an epoch's only mini-batch may throw, and undoes it") {
  const OneRow<float> row;
  Network<float> network = linear<float>();
  Trainer<float> trainer(network, {});
  const auto before = state_of(network, trainer);
  const Dataset<float> data(network, row.dense());
  EpochOptions options{.learning_rate = 1e-5};
  options.after_mini_batch = [](const MiniBatchCost&) { throw 7; };
  CHECK_THROWS_AS(trainer.epoch(data, options), int);
  CHECK(same_bits(before, state_of(network, trainer)));
  CHECK(trainer.steps() == 0);
}

TEST_CASE_TEMPLATE("what is known of an optimiser's slots bounds them, step after step", T, float,
                   double) {
  for (std::size_t o = 0; o < all_names<Optimizer>().size(); ++o) {
    const auto optimizer = static_cast<Optimizer>(o);
    CAPTURE(name(optimizer));
    Update update{.learning_rate = 0.1, .l2 = 0.01, .l1 = 0.01};
    const auto parameters = hyperparameters(optimizer);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      update.hyperparameters[i] = parameters[i].value;
    }
    Magnitudes most;
    T w = 1, s0 = 0, s1 = 0;
    bool holds = true;
    for (update.t = 1; update.t <= 500; ++update.t) {
      const T g = T(update.t % 100 == 0 ? 1000 : 1) / T(1 + update.t % 3);
      most.w = std::abs(double(w));
      most.g = double(g);
      visit(optimizer, [&](auto e) {
        update_bound<T, e>(update, most);
        typename OptimizerFn<e>::template Rule<T>{update}(w, g, s0, s1);
        return true;
      });
      holds = holds && std::abs(double(s0)) <= most.s[0] && std::abs(double(s1)) <= most.s[1];
    }
    CHECK(holds);
    CHECK(most.s[0] <= 1e7);  // they stay close
  }
}

TEST_CASE_TEMPLATE("what is known of the parameters bounds them, step after step", T, float,
                   double) {
  for (std::size_t o = 0; o < all_names<Optimizer>().size(); ++o) {
    const auto optimizer = static_cast<Optimizer>(o);
    CAPTURE(name(optimizer));
    Update update{.learning_rate = 0.1};
    const auto parameters = hyperparameters(optimizer);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      update.hyperparameters[i] = parameters[i].value;
    }
    Magnitudes most{.w = 1};
    T w = 1, s0 = 0, s1 = 0;
    bool holds = true;
    for (update.t = 1; update.t <= 500; ++update.t) {
      const T g = T(update.t % 100 == 0 ? 1000 : 1) / T(1 + update.t % 3);
      most.g = double(g);
      visit(optimizer, [&](auto e) {
        update_bound<T, e>(update, most);
        typename OptimizerFn<e>::template Rule<T>{update}(w, g, s0, s1);
        return true;
      });
      holds = holds && std::abs(double(w)) <= most.w;
    }
    CHECK(holds);
    CHECK(most.w <= 1e20);  // far from where it would be of no use
  }
}

TEST_CASE_TEMPLATE("steps that grow and grow are finite until one is undone", T, float, double) {
  const OneRow<T> row;
  for (std::size_t o = 0; o < all_names<Optimizer>().size(); ++o) {
    CAPTURE(name(static_cast<Optimizer>(o)));
    for (const Samples<T>& samples : {row.dense(), row.sparse()}) {
      Network<T> network = linear<T>();
      Trainer<T> trainer(network, {.optimizer = static_cast<Optimizer>(o)});
      double rate = 1;
      while (!diverged(network, trainer, samples, rate)) rate *= 4;
      CHECK(rate < double(std::numeric_limits<T>::max()));
    }
  }
}

TEST_CASE("what is known of the parameters is forgotten where others write there") {
  const OneRow<float> row;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const StepOptions slow{.learning_rate = 1e-5};
  for (const Optimizer optimizer : {Optimizer::sgd, Optimizer::adam}) {
    CAPTURE(name(optimizer));
    Network<float> network = linear<float>();
    Trainer<float> trainer(network, {.optimizer = optimizer});
    // A weight that meets a zero of x.
    const std::size_t place = network.layers()[0].weights_offset + 5 * network.layers()[0].stride;
    const auto steps = [&](int n) {
      for (int i = 0; i < n; ++i) trainer.step(row.dense(), slow);
    };

    steps(3);
    {
      const Shared<float> view = network.share_parameters();
      steps(2);
      const float was = std::exchange(view.get()[place], nan);
      CHECK(diverged(network, trainer, row.dense(), 1e-5));
      view.get()[place] = was;
      steps(2);
      view.get()[place] = nan;
    }
    CHECK(diverged(network, trainer, row.dense(), 1e-5));
    network.share_parameters().get()[place] = 0;
    steps(3);

    Network<float> broken = linear<float>();
    broken.parameters()[place] = nan;
    network.copy_from(broken);
    CHECK(diverged(network, trainer, row.dense(), 1e-5));
    network.share_parameters().get()[place] = 0;
    steps(3);

    Trainer<float> other(network, {.max_norm = 1e30});
    other.step(row.dense(), {.learning_rate = 1e25});  // far, but finite
    diverged(network, trainer, row.dense(), 1e12);

    network.parameters()[place] = nan;
    CHECK(diverged(network, trainer, row.dense(), 1e-5));
  }
}

TEST_CASE("a step does not look at parameters where nobody can have written") {
  const OneRow<float> row;
  for (const Optimizer optimizer : {Optimizer::sgd, Optimizer::adam}) {
    CAPTURE(name(optimizer));
    Network<float> network = linear<float>();
    Trainer<float> trainer(network, {.optimizer = optimizer, .max_norm = 1e9});
    const Dataset<float> data(network, row.dense());
    trainer.epoch(data, {.learning_rate = 1e-5});
    trainer.set_options({.optimizer = optimizer});
    trainer.step(row.dense(), {.learning_rate = 1e-5});
    trainer.step(row.sparse(), {.learning_rate = 1e-5});
    // Written in a way that is against the rules, and so a proof.
    float& weight = const_cast<float&>(std::as_const(network).weights(0).row(5)[7]);
    weight = std::numeric_limits<float>::quiet_NaN();
    for (const Samples<float>& samples : {row.dense(), row.sparse()}) {
      CHECK_NOTHROW(trainer.step(samples, {.learning_rate = 1e-5}));
    }
  }
}

TEST_CASE("the core lends no parameters by itself") {
  const TemporaryDirectory directory;
  Network<float> network = linear<float>();
  save_model(network, directory / "a.safetensors");
  const Shared<Network<float>> loaded = load_model<float>(directory / "a.safetensors");
  loaded->copy_from(network);
  CHECK(ParameterAccess<float>::is_exclusive(network));
  CHECK(ParameterAccess<float>::is_exclusive(*loaded));
  {
    const Shared<float> view = loaded->share_parameters();
    CHECK(!ParameterAccess<float>::is_exclusive(*loaded));
  }
  CHECK(ParameterAccess<float>::is_exclusive(*loaded));
  network.weights(0);
  CHECK(!ParameterAccess<float>::is_exclusive(network));
}

TEST_CASE("what is known of the slots is forgotten where others write there") {
  const OneRow<float> row;
  const float far = std::numeric_limits<float>::max();
  const TrainOptions options{.optimizer = Optimizer::adam};
  const auto trained = [&](Network<float>& network) {
    Trainer<float> trainer(network, options);
    for (int i = 0; i < 3; ++i) trainer.step(row.dense(), {.learning_rate = 1e-5});
    return trainer;
  };

  Network<float> network = linear<float>();
  Trainer<float> written = trained(network);
  const std::span<float> slot = written.slots()[0];
  written.step(row.dense(), {.learning_rate = 1e-5});
  slot[7] = far;  // of a weight that meets a zero of x
  CHECK(diverged(network, written, row.dense(), 1e-5));

  Network<float> shared = linear<float>();
  Trainer<float> viewed = trained(shared);
  const Shared<float> view = viewed.share_slot(0);
  viewed.step(row.dense(), {.learning_rate = 1e-5});
  view.get()[7] = far;
  CHECK(diverged(shared, viewed, row.dense(), 1e-5));

  Network<float> saved = linear<float>(), resuming = linear<float>();
  const TemporaryDirectory directory;
  Trainer<float> full(saved, options), resumed = trained(resuming);
  full.slots()[0][7] = far;
  full.set_steps(3);
  save_checkpoint(full, directory / "far.safetensors");
  resume(resumed, read_tensor_file(directory / "far.safetensors"));
  CHECK(diverged(resuming, resumed, row.dense(), 1e-5));
}

}  // namespace test_undo
