// Options of training, from Python's arguments and back.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bindings.hpp"

namespace nncore::python {

using AugmentationNumbers = std::map<std::string, double>;

// `numbers` are the options that are one number, by name.
TrainOptions options_from(std::int64_t batch_size, const std::string& optimizer,
                          const std::map<std::string, double>& hyperparameters,
                          const std::vector<double>& dropout, std::size_t lanes,
                          const AugmentationNumbers& augmentation, const py::kwargs& numbers);

// By name; of an augmentation that distorts nothing none at all.
py::dict hyperparameters_of(const TrainOptions& options);
py::dict augmentation_of(const TrainOptions& options);

}  // namespace nncore::python
