// Networks in model files: safetensors with the tensors weights.0 (out, in), biases.0 (out,),
// weights.1, ... and the architecture in the metadata. Python and C read and write the same files.
#pragma once

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "nncore/metadata.hpp"
#include "nncore/network.hpp"
#include "nncore/path.hpp"
#include "nncore/shared.hpp"
#include "nncore/tensor_file.hpp"

#pragma GCC visibility push(default)
namespace nncore {

// Of one of the dtypes that the library was built with: AnyDType<Dataset>.
#ifdef NNCORE_NO_FLOAT64
template <template <class> class Of>
using AnyDType = std::variant<Of<float>>;
#else
template <template <class> class Of>
using AnyDType = std::variant<Of<float>, Of<double>>;
#endif

template <class T>
using SharedNetwork = Shared<Network<T>>;

// A network of either dtype. Never holds a null pointer where nncore made it.
using AnyNetwork = AnyDType<SharedNetwork>;

// What a program keeps beside the model in its file; load_model leaves it alone, and a TensorFile
// gives it back. The tensors' data stay the caller's.
struct Extras {
  Metadata metadata = {};
  std::vector<TensorView> tensors = {};
};

// What a model file says of the network beside its parameters.
template <class T>
[[gnu::visibility("default")]] Metadata model_metadata(const Network<T>& network);

// Writes the file whole or not at all; equal networks give equal bytes. Takes memory for the
// parameters once more. Throws ModelFileError if it cannot be written; InvalidArgument for
// parameters that are not finite, and for extras of a name that the model has; BusyError during
// training.
template <class T>
[[gnu::visibility("default")]] void save_model(const Network<T>& network, const Path& path,
                                               const Extras& extras = {});

// The bytes of that file. Throws InvalidArgument and BusyError as above.
template <class T>
[[gnu::visibility("default")]] std::vector<std::byte> model_bytes(const Network<T>& network,
                                                                  const Extras& extras = {});

// Reads a network in the file's own dtype, with its seed and epoch; tensors and metadata of other
// names are left alone. Throws ModelFileError, which names the file and the fault. model_from takes
// a file that was read already, also from memory (parse_tensor_bytes).
AnyNetwork load_model(const Path& path);
AnyNetwork model_from(const TensorFile& file);

// The same for who knows the dtype. Throws ModelFileError, which names the file's, for another.
template <class T>
[[gnu::visibility("default")]] Shared<Network<T>> load_model(const Path& path);
template <class T>
[[gnu::visibility("default")]] Shared<Network<T>> model_from(const TensorFile& file);

}  // namespace nncore
#pragma GCC visibility pop
