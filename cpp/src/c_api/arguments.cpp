#include "c_api/arguments.hpp"

#include <cstring>
#include <limits>
#include <memory>

namespace nncore::c {

void check_pointer(const void* pointer, const char* what) {
  if (!pointer) throw InvalidArgument(concat(what, " is a null pointer"));
}

const char* dtype_name(nncore_dtype dtype) {
  switch (dtype) {
    case NNCORE_FLOAT32:
      return "float32";
    case NNCORE_FLOAT64:
      return "float64";
    case NNCORE_UINT8:
      return "uint8";
    case NNCORE_FLOAT16:
      return "float16";
    default:
      return "unknown";
  }
}

template <class T>
void check_dtype(nncore_dtype dtype, const char* what) {
  if (dtype == dtype_value<T>) return;
  throw InvalidArgument(concat("the dtype of ", what, " is ", dtype, " (", dtype_name(dtype),
                               "); the network's is ", dtype_value<T>, " (",
                               dtype_name(dtype_value<T>), ")"));
}

void check_count(std::size_t count, std::size_t rows, std::size_t cols, const char* what) {
  const bool fits = cols == 0 || rows <= std::numeric_limits<std::size_t>::max() / cols;
  if (fits && count == rows * cols) return;
  throw InvalidArgument(
      concat(what, " has room for ", count, " numbers; expected ", rows, " x ", cols));
}

namespace {

// Checks what a matrix is said to be; returns its stride.
std::size_t matrix_stride(const void* data, std::size_t rows, std::size_t cols, std::size_t stride,
                          const char* what) {
  if (rows > 0 && cols > 0) check_pointer(data, what);
  if (stride == 0) stride = cols;
  if (stride < cols) {
    throw InvalidArgument(concat("the stride of ", what, " is ", stride, "; expected at least its ",
                                 cols, " columns"));
  }
  return stride;
}

template <class T>
MatrixView<const T> matrix(const void* data, std::size_t rows, std::size_t cols, std::size_t stride,
                           const char* what) {
  return {static_cast<const T*>(data), rows, cols, matrix_stride(data, rows, cols, stride, what)};
}

bool is_narrow(const nncore_inputs& x) {
  return x.dtype == NNCORE_UINT8 || x.dtype == NNCORE_FLOAT16;
}

template <class T>
Inputs<T> narrow_inputs(const nncore_inputs& x) {
  if (x.offsets) {
    throw InvalidArgument(concat("sparse x is of ", dtype_name(x.dtype),
                                 "; expected the network's ", dtype_name(dtype_value<T>)));
  }
  const std::size_t stride = matrix_stride(x.data, x.rows, x.cols, x.stride, "x");
  if (!x.data) return MatrixView<const T>{nullptr, x.rows, x.cols, stride};  // without an element
  NarrowRows rows{.data = x.data, .rows = x.rows, .cols = x.cols, .stride = stride};
  rows.type = x.dtype == NNCORE_UINT8 ? NarrowType::uint8 : NarrowType::float16;
  rows.scale = x.scale == 0 ? 1 : x.scale;
  rows.offset = x.offset;
  return rows;
}

template <class Enum>
Enum named(const char* given_name, Enum otherwise) {
  return given_name ? from_name<Enum>(given_name) : otherwise;
}

}  // namespace

template <class T>
Inputs<T> inputs_of(const nncore_inputs& x) {
  if (is_narrow(x)) return narrow_inputs<T>(x);
  check_dtype<T>(x.dtype, "x");
  if (x.scale != 0 || x.offset != 0) {
    throw InvalidArgument(concat("x of ", dtype_name(x.dtype), " has the scale ", x.scale,
                                 " and the offset ", x.offset,
                                 ", which are for uint8 and float16; expected 0"));
  }
  if (!x.offsets) return matrix<T>(x.data, x.rows, x.cols, x.stride, "x");
  if (x.data) throw InvalidArgument("x has data and offsets; expected dense rows or sparse ones");
  const std::int64_t last = x.offsets[x.rows];
  if (last < 0 || static_cast<std::uint64_t>(last) > x.nonzeros) {
    throw InvalidArgument(
        concat("sparse x ends at offset ", last, "; expected 0 to its ", x.nonzeros, " non-zeros"));
  }
  if (last > 0) {
    check_pointer(x.values, "the values of sparse x");
    check_pointer(x.columns, "the columns of sparse x");
  }
  return SparseView<T>{static_cast<const T*>(x.values), x.columns, x.offsets, x.rows, x.cols};
}

template <class T>
Samples<T> samples_of(const nncore_samples& s) {
  Samples<T> samples;
  samples.x = inputs_of<T>(s.x);
  if ((s.labels != nullptr) == (s.targets != nullptr)) {
    throw InvalidArgument("the samples need labels or targets, and not both");
  }
  if (s.labels) {
    samples.y = std::span(s.labels, s.target_rows);
  } else {
    samples.y = matrix<T>(s.targets, s.target_rows, s.target_cols, s.target_stride, "targets");
  }
  if (s.weights) samples.weights = {static_cast<const T*>(s.weights), s.weight_count};
  if (s.weights && s.weight_count == 0 && s.x.rows > 0) {
    throw InvalidArgument(concat("there are 0 sample weights; x has ", s.x.rows, " rows"));
  }
  return samples;
}

TensorFile file_in(const void* bytes, std::size_t size) {
  if (size > 0) check_pointer(bytes, "bytes");
  return parse_tensor_bytes({static_cast<const std::byte*>(bytes), size}, "the model in memory");
}

void hand_out(const std::vector<std::byte>& file, void* bytes, std::size_t capacity,
              std::size_t* size) {
  require(size, "size") = file.size();
  if (!bytes && capacity == 0) return;
  check_pointer(bytes, "bytes");
  if (capacity < file.size()) {
    throw InvalidArgument(
        concat("there is room for ", capacity, " bytes; the model takes ", file.size()));
  }
  std::memcpy(bytes, file.data(), file.size());
}

AnyNetwork make_network(const nncore_architecture& a) {
  if (a.layers > 0) check_pointer(a.sizes, "sizes");
  if (a.layers > 1) check_pointer(a.activations, "activations");
  Architecture architecture;
  architecture.sizes.assign(a.sizes, a.sizes + a.layers);
  std::vector<Initializer> initializers;
  for (std::size_t l = 0; l + 1 < a.layers; ++l) {
    const auto activation =
        from_name<Activation>(&require(a.activations[l], "an activation's name"));
    architecture.activations.push_back(activation);
    initializers.push_back(named(a.initializer, default_initializer(activation)));
  }
  architecture.cost = named(a.cost, Cost::quadratic);
  if (a.cost_hyperparameter_count > 0)
    check_pointer(a.cost_hyperparameters, "cost_hyperparameters");
  for (const auto& h : std::span(a.cost_hyperparameters, a.cost_hyperparameter_count)) {
    set_cost_hyperparameter(architecture, &require(h.name, "a hyperparameter's name"), h.value);
  }
  if (a.cost_list_count > 0) check_pointer(a.cost_list, "cost_list");
  architecture.cost_list.assign(a.cost_list, a.cost_list + a.cost_list_count);
  const auto make = [&]<class T>(T) -> AnyNetwork {
    auto network = std::make_shared<Network<T>>(architecture, a.seed);
    network->initialize(initializers);
    return network;
  };
  if (a.dtype == NNCORE_FLOAT32) return make(0.0f);
#ifdef NNCORE_NO_FLOAT64
  if (a.dtype == NNCORE_FLOAT64) throw InvalidArgument("this build of nncore has no float64");
#else
  if (a.dtype == NNCORE_FLOAT64) return make(0.0);
#endif
  throw InvalidArgument(concat("the dtype is ", a.dtype, "; expected 0 (float32) or 1 (float64)"));
}

TrainOptions train_options(const nncore_train_options& o, const TrainOptions& saved) {
  TrainOptions options = saved;
  if (o.optimizer) {
    options.optimizer = from_name<Optimizer>(o.optimizer);
    options.hyperparameters.clear();
  }
  if (o.batch_size > 0) options.batch_size = o.batch_size;
  if (o.lanes > 0) options.lanes = o.lanes;
  options.l2 = o.l2;
  options.l1 = o.l1;
  options.max_norm = o.max_norm;
  options.clip_value = o.clip_value;
  options.clip_norm = o.clip_norm;
  set_all(options, o.hyperparameters, o.hyperparameter_count);
  if (o.dropout) {
    options.dropout.assign(o.dropout, o.dropout + o.dropout_count);
    if (o.dropout_count == 0) throw InvalidArgument("there are 0 dropout rates; expected some");
  }
  if (o.rates) {
    options.rates.assign(o.rates, o.rates + o.rate_count);
    if (o.rate_count == 0) throw InvalidArgument("there are 0 factors of the rate; expected some");
  }
  return options;
}

Collective collective_of(const nncore_collective& c) {
  const auto exchange = [&c](nncore_exchange_function call, const char* name) {
    check_pointer(reinterpret_cast<const void*>(call), name);
    return [call, name, context = c.context](const void* send, void* receive, std::size_t bytes) {
      const int failed = call(context, send, receive, bytes);
      if (failed != 0) throw InvalidArgument(concat(name, " of the collective returned ", failed));
    };
  };
  return {.rank = c.rank,
          .ranks = c.ranks,
          .all_to_all = exchange(c.all_to_all, "all_to_all"),
          .all_gather = exchange(c.all_gather, "all_gather")};
}

#define NNCORE_INSTANTIATE(T)                              \
  template void check_dtype<T>(nncore_dtype, const char*); \
  template Inputs<T> inputs_of<T>(const nncore_inputs&);   \
  template Samples<T> samples_of<T>(const nncore_samples&);
NNCORE_INSTANTIATE(float)
NNCORE_INSTANTIATE(double)
#undef NNCORE_INSTANTIATE

}  // namespace nncore::c
