// The C API of data sets and trainers.
#include <cstdint>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "c_api/arguments.hpp"
#include "c_api/errors.hpp"
#include "c_api/handles.hpp"
#include "nncore/checkpoint.hpp"
#include "nncore/nncore.h"

using namespace nncore;
using namespace nncore::c;

nncore_status nncore_dataset_create(const nncore_network* network, const nncore_samples* samples,
                                    nncore_dataset** dataset) {
  return guarded([&] {
    check_pointer(dataset, "dataset");
    *dataset = with_network(content_of(network).any, [&]<class T>(const Shared<Network<T>>& n) {
      nncore_samples s = require(samples, "samples");
      // What says how much of the other memory is read is copied before it is believed.
      std::vector<std::int64_t> offsets;
      if (s.x.offsets) {
        offsets.assign(s.x.offsets, s.x.offsets + s.x.rows + 1);
        s.x.offsets = offsets.data();
      }
      return Pool<nncore_dataset>::instance().make(Dataset<T>(*n, samples_of<T>(s)));
    });
  });
}

nncore_status nncore_dataset_free(nncore_dataset* dataset) {
  return guarded([&] { release(dataset); });
}

nncore_status nncore_trainer_create(nncore_network* network, const nncore_train_options* options,
                                    nncore_trainer** trainer) {
  return guarded([&] {
    check_pointer(trainer, "trainer");
    const TrainOptions checked = train_options(require(options, "the options"), {});
    *trainer = with_network(content_of(network).any, [&]<class T>(const Shared<Network<T>>& n) {
      return Pool<nncore_trainer>::instance().make(TypedTrainer<T>{n, Trainer<T>(*n, checked)});
    });
  });
}

nncore_status nncore_trainer_set_options(nncore_trainer* trainer,
                                         const nncore_train_options* options) {
  return guarded([&] {
    const TrainOptions checked = train_options(require(options, "the options"), {});
    std::visit([&](auto& t) { t.trainer.set_options(checked); }, content_of(trainer));
  });
}

nncore_status nncore_trainer_free(nncore_trainer* trainer) {
  return guarded([&] { release(trainer); });
}

nncore_status nncore_trainer_epoch(nncore_trainer* trainer, const nncore_dataset* dataset,
                                   const nncore_epoch_options* options, double* cost) {
  return guarded([&] {
    const double mean = std::visit(
        [&]<class T>(TypedTrainer<T>& t) {
          const nncore_epoch_options& o = require(options, "the options");
          EpochOptions epoch{
              .learning_rate = o.learning_rate, .shuffle = !o.keep_order, .threads = o.threads};
          if (o.should_stop) epoch.should_stop = [&] { return o.should_stop(o.context) != 0; };
          Collective collective;
          if (o.collective) {
            collective = collective_of(*o.collective);
            epoch.collective = &collective;
          }
          return t.trainer.epoch(dataset_in<T>(dataset), epoch);
        },
        content_of(trainer));
    if (cost) *cost = mean;
  });
}

nncore_status nncore_trainer_step(nncore_trainer* trainer, const nncore_samples* samples,
                                  const nncore_step_options* options, double* cost) {
  return guarded([&] {
    const double mean = std::visit(
        [&]<class T>(TypedTrainer<T>& t) {
          const nncore_step_options& o = require(options, "the options");
          const Samples<T> batch = samples_of<T>(require(samples, "samples"));
          check(t.trainer.network(), batch, o.mean_over_rows != 0);
          Collective collective;
          if (o.collective) collective = collective_of(*o.collective);
          return t.trainer.step(batch, {.learning_rate = o.learning_rate,
                                        .batch = o.batch,
                                        .penalty_rows = o.penalty_rows,
                                        .threads = o.threads,
                                        .mean_over_rows = o.mean_over_rows != 0,
                                        .collective = o.collective ? &collective : nullptr});
        },
        content_of(trainer));
    if (cost) *cost = mean;
  });
}

nncore_status nncore_trainer_step_gradient(nncore_trainer* trainer, const nncore_inputs* x,
                                           const void* output_gradient, std::size_t gradient_count,
                                           const void* weights, std::size_t weight_count,
                                           const nncore_step_options* options) {
  return guarded([&] {
    std::visit(
        [&]<class T>(TypedTrainer<T>& t) {
          const nncore_step_options& o = require(options, "the options");
          const Inputs<T> rows = inputs_of<T>(require(x, "x"));
          const Network<T>& network = t.trainer.network();
          check(network, rows);
          check_count(gradient_count, rows.rows(), network.outputs(), "output_gradient");
          if (gradient_count > 0) check_pointer(output_gradient, "output_gradient");
          const MatrixView<const T> slopes{static_cast<const T*>(output_gradient), rows.rows(),
                                           network.outputs(), network.outputs()};
          std::span<const T> factors;
          if (weights) factors = {static_cast<const T*>(weights), weight_count};
          if (weights && weight_count != rows.rows()) {
            throw InvalidArgument(concat("there are ", weight_count, " sample weights; x has ",
                                         rows.rows(), " rows"));
          }
          Collective collective;
          if (o.collective) collective = collective_of(*o.collective);
          t.trainer.step_gradient(rows, slopes, factors,
                                  {.learning_rate = o.learning_rate,
                                   .batch = o.batch,
                                   .penalty_rows = o.penalty_rows,
                                   .threads = o.threads,
                                   .collective = o.collective ? &collective : nullptr});
        },
        content_of(trainer));
  });
}

nncore_status nncore_trainer_steps(const nncore_trainer* trainer, std::uint64_t* steps) {
  return guarded([&] {
    check_pointer(steps, "steps");
    *steps = std::visit([](const auto& t) { return t.trainer.steps(); }, content_of(trainer));
  });
}

nncore_status nncore_trainer_save(nncore_trainer* trainer, const char* path) {
  return guarded([&] {
    check_pointer(path, "the path");
    std::visit([&](const auto& t) { save_checkpoint(t.trainer, path); }, content_of(trainer));
  });
}

nncore_status nncore_trainer_save_bytes(nncore_trainer* trainer, void* bytes, std::size_t capacity,
                                        std::size_t* size) {
  return guarded([&] {
    check_pointer(size, "size");
    hand_out(
        std::visit([](const auto& t) { return checkpoint_bytes(t.trainer); }, content_of(trainer)),
        bytes, capacity, size);
  });
}

namespace {

void resume_from(const TensorFile& file, const nncore_train_options* options,
                 nncore_network** network, nncore_trainer** trainer) {
  check_pointer(network, "network");
  check_pointer(trainer, "trainer");
  const AnyNetwork any = model_from(file);
  const TrainOptions wanted =
      train_options(require(options, "the options"), saved_options(file).value_or(TrainOptions{}));
  with_network(any, [&]<class T>(const Shared<Network<T>>& n) {
    TypedTrainer<T> resumed{n, Trainer<T>(*n, wanted)};
    resume(resumed.trainer, file);
    nncore_network* made = handle_of(n);
    *trainer = Pool<nncore_trainer>::instance().make(std::move(resumed));
    *network = made;
  });
}

}  // namespace

nncore_status nncore_trainer_resume(const char* path, const nncore_train_options* options,
                                    nncore_network** network, nncore_trainer** trainer) {
  return guarded([&] {
    resume_from(read_tensor_file(&require(path, "the path")), options, network, trainer);
  });
}

nncore_status nncore_trainer_resume_bytes(const void* bytes, std::size_t size,
                                          const nncore_train_options* options,
                                          nncore_network** network, nncore_trainer** trainer) {
  return guarded([&] { resume_from(file_in(bytes, size), options, network, trainer); });
}
