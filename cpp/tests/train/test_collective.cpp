// Training by several ranks, here threads of this process.
#include <doctest/doctest.h>

#include <algorithm>
#include <barrier>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "nncore/nncore.h"
#include "nncore/nncore.hpp"

using namespace nncore;

namespace test_collective {
namespace {

// As many ranks as threads.
class Ranks {
 public:
  explicit Ranks(std::size_t ranks)
      : sent_(ranks), barrier_(static_cast<std::ptrdiff_t>(ranks)), errors_(ranks) {}

  // Calls body(collective) on every rank, and rethrows what the lowest of them threw.
  void run(const std::function<void(const Collective&)>& body) {
    std::vector<std::thread> threads;
    for (std::size_t rank = 0; rank < sent_.size(); ++rank) {
      threads.emplace_back([&, rank] {
        try {
          body(of(rank));
        } catch (...) {
          errors_[rank] = std::current_exception();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const std::exception_ptr& error : errors_) {
      if (error) std::rethrow_exception(error);
    }
  }

 private:
  Collective of(std::size_t rank) {
    return {.rank = rank,
            .ranks = sent_.size(),
            .all_to_all = exchange(rank, true),
            .all_gather = exchange(rank, false)};
  }
  Callback<void(const void*, void*, std::size_t)> exchange(std::size_t rank, bool to_each) {
    return [this, rank, to_each](const void* send, void* receive, std::size_t bytes) {
      sent_[rank] = static_cast<const char*>(send);
      barrier_.arrive_and_wait();
      for (std::size_t r = 0; r < sent_.size(); ++r) {
        std::memcpy(static_cast<char*>(receive) + r * bytes,
                    sent_[r] + (to_each ? rank * bytes : 0), bytes);
      }
      barrier_.arrive_and_wait();
    };
  }

  std::vector<const char*> sent_;
  std::barrier<> barrier_;
  std::vector<std::exception_ptr> errors_;
};

// Rows between -1 and 1, a third of them zeros.
struct Problem {
  static constexpr std::size_t inputs = 11, targets = 3;
  std::vector<double> x, y, weights;
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> columns;
  std::vector<double> values;

  explicit Problem(std::size_t rows) : x(rows * inputs), y(rows * targets), weights(rows) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      x[i] = i % 3 == 0 ? 0 : double(i * 7919 % 1009) / 504.5 - 1;
    }
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = double(i * 104729 % 997) / 498.5 - 1;
    for (std::size_t i = 0; i < rows; ++i) {
      weights[i] = i % 5 == 0 ? 0 : double(i % 7) / 3 + 0.1;
      for (std::size_t j = 0; j < inputs; ++j) {
        if (x[i * inputs + j] == 0) continue;
        columns.push_back(static_cast<std::int32_t>(j));
        values.push_back(x[i * inputs + j]);
      }
      offsets.push_back(static_cast<std::int64_t>(columns.size()));
    }
  }
  Samples<double> samples(bool sparse, bool weighted) const {
    const std::size_t rows = weights.size();
    Samples<double> s;
    if (sparse) {
      s.x = SparseView<double>{values.data(), columns.data(), offsets.data(), rows, inputs};
    } else {
      s.x = MatrixView<const double>{x.data(), rows, inputs, inputs};
    }
    s.y = MatrixView<const double>{y.data(), rows, targets, targets};
    if (weighted) s.weights = weights;
    return s;
  }
};

Network<double> network() {
  Network<double> made({.sizes = {Problem::inputs, 19, 13, Problem::targets},
                        .activations = {Activation::tanh, Activation::relu, Activation::linear}},
                       5);
  made.initialize(std::vector(3, Initializer::glorot_uniform));
  return made;
}

std::vector<double> parameters_of(const Network<double>& net) {
  return {net.parameters().begin(), net.parameters().end()};
}

struct Trained {
  double cost = 0;
  std::vector<double> parameters;
  bool operator==(const Trained&) const = default;
};

struct Case {
  TrainOptions options;
  bool sparse = false, weighted = false;
};

// Two epochs by so many ranks, which all have to end with the same; 0 for no collective.
Trained train(const Problem& problem, const Case& kind, std::size_t ranks, int threads = 1) {
  std::vector<Trained> of_rank(std::max<std::size_t>(ranks, 1));
  const auto train_one = [&](const Collective* collective) {
    Network<double> net = network();
    Trainer<double> trainer(net, kind.options);
    const Dataset<double> data(net, problem.samples(kind.sparse, kind.weighted), false);
    const EpochOptions epoch{.learning_rate = 0.02, .threads = threads, .collective = collective};
    trainer.epoch(data, epoch);
    const double cost = trainer.epoch(data, epoch);
    of_rank[collective ? collective->rank : 0] = {cost, parameters_of(net)};
  };
  if (ranks == 0) {
    train_one(nullptr);
  } else {
    Ranks(ranks).run([&](const Collective& collective) { train_one(&collective); });
  }
  for (const Trained& t : of_rank) CHECK(t == of_rank.front());
  return of_rank.front();
}

std::vector<Case> cases(std::size_t batch_size, std::size_t lanes) {
  const TrainOptions plain{.batch_size = batch_size, .lanes = lanes};
  std::vector<Case> made;
  for (std::size_t i = 0; i < optimizer_count; ++i) {
    Case one{plain, i % 2 == 1, i % 3 == 1};
    one.options.optimizer = static_cast<Optimizer>(i);
    made.push_back(one);
  }
  Case penalised{plain, true};
  penalised.options.l2 = 3;
  penalised.options.l1 = 1;
  penalised.options.max_norm = 0.7;
  Case clipped{plain, false, true};
  clipped.options.clip_value = 0.01;
  clipped.options.clip_norm = 0.03;
  Case dropped{plain, true, true};
  dropped.options.dropout = {0.2, 0.5, 0.3};
  Case frozen{plain};
  frozen.options.rates = {0, 0, 1, 0.5, 2, 0};
  made.insert(made.end(), {penalised, clipped, dropped, frozen});
  return made;
}

}  // namespace

TEST_CASE("ranks give the bits of one process with as many lanes") {
  const Problem problem(97);
  for (const std::size_t lanes : {1u, 3u, 4u, 7u}) {
    for (const std::size_t batch_size : {30u, 41u}) {  // 7 and 15 rows are left over
      for (const Case& kind : cases(batch_size, lanes)) {
        CAPTURE(lanes);
        CAPTURE(batch_size);
        CAPTURE(int(kind.options.optimizer));
        const Trained alone = train(problem, kind, 0);
        for (const std::size_t ranks : {1u, 2u, 3u, 4u}) {
          CAPTURE(ranks);
          CHECK(train(problem, kind, ranks) == alone);
        }
      }
    }
  }
}

TEST_CASE("ranks of several threads give the same bits") {
  const int usual = num_threads();
  set_num_threads(3);
  const Problem problem(700);
  for (const Case& kind : cases(600, 5)) {
    const Trained alone = train(problem, kind, 0);
    CHECK(train(problem, kind, 0, 3) == alone);
    CHECK(train(problem, kind, 2, 3) == alone);
    CHECK(train(problem, kind, 4, 2) == alone);
  }
  set_num_threads(usual);
}

TEST_CASE("lanes that were chosen learn what a mini-batch learns that is not cut") {
  const Problem problem(97);
  for (Case kind : cases(41, 6)) {
    const Trained cut = train(problem, kind, 0);
    kind.options.lanes = 0;
    const Trained whole = train(problem, kind, 0);
    CHECK(cut.cost == doctest::Approx(whole.cost).epsilon(1e-11));
    double most = 0;
    for (std::size_t i = 0; i < cut.parameters.size(); ++i) {
      most = std::max(most, std::abs(cut.parameters[i] - whole.parameters[i]));
    }
    CHECK(most < 1e-11);
  }
}

TEST_CASE("a rank reads the rows of its own lanes alone") {
  const std::size_t rows = 64, lanes = 4, ranks = 2;
  const Problem problem(rows);
  const Case kind{{.batch_size = rows, .lanes = lanes}, false, true};
  const Trained alone = train(problem, kind, 0);
  std::vector<std::vector<double>> found(ranks);
  Ranks(ranks).run([&](const Collective& collective) {
    const LaneRange mine = lanes_of_rank(lanes, collective.rank, ranks);
    Problem here = problem;
    for (std::size_t i = 0; i < lanes; ++i) {
      if (i >= mine.begin && i < mine.end) continue;
      const LaneRange others = rows_of_lane(rows, lanes, i);
      for (std::size_t row = others.begin; row < others.end; ++row) {
        std::fill_n(here.x.begin() + std::ptrdiff_t(row * Problem::inputs), Problem::inputs, 99.0);
        here.y[row * Problem::targets] = here.weights[row] = 77;
      }
    }
    Network<double> net = network();
    Trainer<double> trainer(net, kind.options);
    const Dataset<double> data(net, here.samples(false, true), false);
    for (int i = 0; i < 2; ++i) {
      trainer.epoch(data, {.learning_rate = 0.02, .shuffle = false, .collective = &collective});
    }
    found[collective.rank] = parameters_of(net);
  });
  Network<double> net = network();
  Trainer<double> trainer(net, kind.options);
  const Dataset<double> data(net, problem.samples(false, true), false);
  for (int i = 0; i < 2; ++i) trainer.epoch(data, {.learning_rate = 0.02, .shuffle = false});
  CHECK(found[0] == parameters_of(net));
  CHECK(found[1] == parameters_of(net));
}

TEST_CASE("ranks stop together behind the mini-batch after, and go on to the same bits") {
  const Problem problem(100);
  const TrainOptions options{.batch_size = 10, .lanes = 3};
  const Samples<double> samples = problem.samples(false, false);
  Network<double> whole = network();
  Trainer<double>(whole, options).epoch(samples, {.learning_rate = 0.1});

  Ranks(3).run([&](const Collective& collective) {
    Network<double> net = network();
    Trainer<double> trainer(net, options);
    const Dataset<double> data(net, samples);
    EpochOptions epoch{.learning_rate = 0.1, .collective = &collective};
    int asked = 0;
    epoch.should_stop = [&] { return collective.rank == 1 && ++asked == 4; };
    trainer.epoch(data, epoch);
    REQUIRE(trainer.position());
    CHECK(trainer.position()->batches == 5);
    // Nobody stops where there is no mini-batch left.
    epoch.should_stop = [&] { return trainer.steps() == 9; };
    trainer.epoch(data, epoch);
    CHECK(!trainer.position());
    CHECK(parameters_of(net) == parameters_of(whole));
  });
}

TEST_CASE("the learning rate of every mini-batch is rank 0's") {
  const Problem problem(40);
  const TrainOptions options{.batch_size = 10, .lanes = 2};
  const auto rate = [](std::uint64_t batch) { return 0.1 / double(batch + 1); };
  Network<double> alone = network();
  Trainer<double>(alone, options)
      .epoch(problem.samples(false, false), {.batch_learning_rate = rate});
  Ranks(2).run([&](const Collective& collective) {
    Network<double> net = network();
    Trainer<double> trainer(net, options);
    EpochOptions epoch{.collective = &collective};
    if (collective.rank == 0) epoch.batch_learning_rate = rate;
    trainer.epoch(problem.samples(false, false), epoch);
    CHECK(parameters_of(net) == parameters_of(alone));
  });
}

TEST_CASE("every rank is told of divergence, and of ranks that differ") {
  const Problem problem(40);
  const Samples<double> samples = problem.samples(false, false);
  Ranks(2).run([&](const Collective& collective) {
    Network<double> net = network();
    const std::vector<double> before = parameters_of(net);
    Trainer<double> trainer(net, {.batch_size = 10, .lanes = 4});
    CHECK_THROWS_AS(trainer.epoch(samples, {.learning_rate = 1e200, .collective = &collective}),
                    DivergenceError);
    CHECK(parameters_of(net) == before);

    const auto epoch_with = [&](TrainOptions options, std::size_t rows) {
      Trainer<double> other(net, options);
      Samples<double> some = samples;
      some.x.dense.rows = some.y.values.rows = rows;
      other.epoch(some, {.learning_rate = 0.1, .collective = &collective});
    };
    const double of_rank = double(collective.rank);
    CHECK_THROWS_WITH_AS(
        epoch_with({.l2 = of_rank, .lanes = 2}, 40),
        "rank 1 does not train what rank 0 trains: the options of training differ; "
        "expected the same on all ranks",
        InvalidArgument);
    CHECK_THROWS_AS(epoch_with({.lanes = 2}, 40 - collective.rank), InvalidArgument);
    if (collective.rank == 1) net.weights(0).row(0)[0] += 1;
    CHECK_THROWS_AS(epoch_with({.lanes = 2}, 40), InvalidArgument);
  });
}

TEST_CASE("what cannot be a collective is refused, and its failure ends the call undone") {
  const Problem problem(40);
  const Samples<double> samples = problem.samples(false, false);
  Network<double> net = network();
  const std::vector<double> before = parameters_of(net);
  const auto nothing = [](const void*, void*, std::size_t) {};
  const auto epoch_with = [&](std::size_t lanes, const Collective& collective) {
    Trainer<double> trainer(net, {.lanes = lanes});
    trainer.epoch(samples, {.learning_rate = 0.1, .collective = &collective});
  };
  CHECK_THROWS_WITH_AS(epoch_with(0, {0, 2, nothing, nothing}),
                       doctest::Contains("number of lanes is 0"), InvalidArgument);
  CHECK_THROWS_WITH_AS(epoch_with(2, {2, 2, nothing, nothing}),
                       doctest::Contains("the rank is 2 of 2"), InvalidArgument);
  CHECK_THROWS_WITH_AS(epoch_with(2, {0, 0, nothing, nothing}),
                       doctest::Contains("the rank is 0 of 0"), InvalidArgument);
  CHECK_THROWS_WITH_AS(epoch_with(2, {0, 2, {}, nothing}), doctest::Contains("lacks all_to_all"),
                       InvalidArgument);
  CHECK_THROWS_WITH_AS(Trainer<double>(net, {.lanes = max_lanes + 1}),
                       doctest::Contains("lanes is 1048577"), InvalidArgument);
  int calls = 0;
  const auto failing = [&](const void*, void*, std::size_t) {
    if (++calls == 3) throw std::runtime_error("the link is down");
  };
  CHECK_THROWS_WITH_AS(epoch_with(2, {0, 2, failing, nothing}), "the link is down",
                       std::runtime_error);
  CHECK(parameters_of(net) == before);
  CHECK(net.epoch() == 0);
}

TEST_CASE("ranks that train by the C API give the bits of one process") {
  const Problem problem(64);
  const std::size_t sizes[] = {Problem::inputs, 9, Problem::targets};
  const char* const activations[] = {"tanh", "linear"};
  const auto trained = [&](const nncore_collective* collective) {
    nncore_architecture a{};
    a.sizes = sizes;
    a.layers = 3;
    a.activations = activations;
    a.dtype = NNCORE_FLOAT64;
    nncore_samples s{};
    s.x.dtype = NNCORE_FLOAT64;
    s.x.rows = 64;
    s.x.cols = Problem::inputs;
    s.x.data = problem.x.data();
    s.targets = problem.y.data();
    s.target_rows = 64;
    s.target_cols = Problem::targets;
    nncore_train_options o{};
    o.batch_size = 20;
    o.optimizer = "adam";
    o.lanes = 4;
    nncore_network* net = nullptr;
    nncore_trainer* trainer = nullptr;
    nncore_dataset* data = nullptr;
    std::vector<double> weights(Problem::inputs * 9);
    nncore_epoch_options epoch{};
    nncore_step_options step{};
    epoch.learning_rate = step.learning_rate = 0.01;
    epoch.collective = step.collective = collective;
    const bool made = nncore_network_create(&a, &net) == NNCORE_OK &&
                      nncore_trainer_create(net, &o, &trainer) == NNCORE_OK &&
                      nncore_dataset_create(net, &s, &data) == NNCORE_OK;
    REQUIRE(made);
    CHECK(nncore_trainer_epoch(trainer, data, &epoch, nullptr) == NNCORE_OK);
    CHECK(nncore_trainer_step(trainer, &s, &step, nullptr) == NNCORE_OK);
    CHECK(nncore_trainer_step_gradient(trainer, &s.x, problem.y.data(), problem.y.size(), nullptr,
                                       0, &step) == NNCORE_OK);
    CHECK(nncore_network_get_weights(net, 0, NNCORE_FLOAT64, weights.data(), weights.size()) ==
          NNCORE_OK);
    nncore_dataset_free(data);
    nncore_trainer_free(trainer);
    nncore_network_free(net);
    return weights;
  };
  const std::vector<double> alone = trained(nullptr);
  Ranks(3).run([&](const Collective& collective) {
    const auto exchange = [](auto member) {
      return [](void* context, const void* send, void* receive, std::size_t bytes) {
        (static_cast<const Collective*>(context)->*decltype(member)::value)(send, receive, bytes);
        return 0;
      };
    };
    using Function = decltype(&Collective::all_to_all);
    const nncore_collective c{
        .rank = collective.rank,
        .ranks = collective.ranks,
        .all_to_all = exchange(std::integral_constant<Function, &Collective::all_to_all>()),
        .all_gather = exchange(std::integral_constant<Function, &Collective::all_gather>()),
        .context = const_cast<Collective*>(&collective)};
    CHECK(trained(&c) == alone);
  });
}

}  // namespace test_collective
