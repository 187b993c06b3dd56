// The whole public C++ API of nncore: what a shared library exports is what these headers' own
// namespace declares. Function templates say so once more, or compilers forget it where they are
// defined.
#pragma once

#include "nncore/augmentation.hpp"
#include "nncore/callback.hpp"
#include "nncore/checkpoint.hpp"
#include "nncore/collective.hpp"
#include "nncore/compact_rows.hpp"
#include "nncore/counter.hpp"
#include "nncore/dataset.hpp"
#include "nncore/error.hpp"
#include "nncore/files.hpp"
#include "nncore/guard.hpp"
#include "nncore/idx.hpp"
#include "nncore/matrix.hpp"
#include "nncore/metadata.hpp"
#include "nncore/model_file.hpp"
#include "nncore/names.hpp"
#include "nncore/network.hpp"
#include "nncore/path.hpp"
#include "nncore/predictor.hpp"
#include "nncore/runtime.hpp"
#include "nncore/schedules.hpp"
#include "nncore/shared.hpp"
#include "nncore/tensor_file.hpp"
#include "nncore/train.hpp"
