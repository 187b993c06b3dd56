// What the C API is handed, checked and in the core's own types. All throw InvalidArgument. Not
// installed.
#pragma once

#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "data/check.hpp"
#include "nncore/model_file.hpp"
#include "nncore/nncore.h"
#include "nncore/schedules.hpp"
#include "nncore/train.hpp"

namespace nncore::c {

void check_pointer(const void* pointer, const char* what);

template <class P>
P& require(P* pointer, const char* what) {
  check_pointer(pointer, what);
  return *pointer;
}

template <class T>
constexpr nncore_dtype dtype_value = std::is_same_v<T, float> ? NNCORE_FLOAT32 : NNCORE_FLOAT64;

const char* dtype_name(nncore_dtype dtype);

// Checks that data of this dtype suit a network of T.
template <class T>
void check_dtype(nncore_dtype dtype, const char* what);

void check_count(std::size_t count, std::size_t rows, std::size_t cols, const char* what);

template <class T>
Inputs<T> inputs_of(const nncore_inputs& x);

template <class T>
Samples<T> samples_of(const nncore_samples& samples);

// A file that the caller holds as bytes.
TensorFile file_in(const void* bytes, std::size_t size);

// Writes a file's bytes to where the caller has room for them; see nncore_network_save_bytes.
void hand_out(const std::vector<std::byte>& file, void* bytes, std::size_t capacity,
              std::size_t* size);

AnyNetwork make_network(const nncore_architecture& architecture);

// Sets the hyperparameters of a trainer's options, or of a schedule.
inline void set_by_name(TrainOptions& options, std::string_view name, double value) {
  if (!set_number(options, name, value)) set_hyperparameter(options, name, value);
}
inline void set_by_name(ScheduleOptions& options, std::string_view name, double value) {
  set_hyperparameter(options, name, value);
}

template <class Options>
void set_all(Options& options, const nncore_hyperparameter* hyperparameters, std::size_t count) {
  if (count > 0) check_pointer(hyperparameters, "hyperparameters");
  for (const nncore_hyperparameter& h : std::span(hyperparameters, count)) {
    set_by_name(options, &require(h.name, "a hyperparameter's name"), h.value);
  }
}

// What the options leave open is taken from `saved`.
TrainOptions train_options(const nncore_train_options& options, const TrainOptions& saved);

// Calls what is handed in, as long as that lives.
Collective collective_of(const nncore_collective& collective);

}  // namespace nncore::c
