// What the C API is handed, checked and in the core's own types. All throw InvalidArgument. Not
// installed.
#pragma once

#include <span>
#include <type_traits>

#include "data/check.hpp"
#include "nncore/model_file.hpp"
#include "nncore/nncore.h"
#include "nncore/train.hpp"

namespace nncore::c {

void check_pointer(const void* pointer, const char* what);

template <class P>
P& given(P* pointer, const char* what) {
  check_pointer(pointer, what);
  return *pointer;
}

template <class T>
constexpr nncore_dtype dtype_value = std::is_same_v<T, float> ? NNCORE_FLOAT32 : NNCORE_FLOAT64;

const char* dtype_name(nncore_dtype dtype);

// That data of this dtype are the network's, which is T.
template <class T>
void check_dtype(nncore_dtype dtype, const char* what);

void check_count(std::size_t count, std::size_t rows, std::size_t cols, const char* what);

template <class T>
Inputs<T> inputs_of(const nncore_inputs& x);

template <class T>
Samples<T> samples_of(const nncore_samples& samples);

AnyNetwork make_network(const nncore_architecture& architecture);

// Sets the hyperparameters of a trainer's options, or of a schedule.
template <class Options>
void set_all(Options& options, const nncore_hyperparameter* hyperparameters, std::size_t count) {
  if (count > 0) check_pointer(hyperparameters, "hyperparameters");
  for (const nncore_hyperparameter& h : std::span(hyperparameters, count)) {
    set_hyperparameter(options, &given(h.name, "a hyperparameter's name"), h.value);
  }
}

// `saved` where the options leave the choice.
TrainOptions train_options(const nncore_train_options& options, const TrainOptions& saved);

}  // namespace nncore::c
