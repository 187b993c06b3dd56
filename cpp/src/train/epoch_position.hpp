// Where an epoch stands, and the order of its rows. Not installed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "nncore/train.hpp"

namespace nncore {

// EpochPosition::order of a checkpoint that does not say it: rows in any order but a given one.
inline constexpr std::uint64_t unknown_order = 2;

// EpochPosition::order of these options.
std::uint64_t row_order_key(const EpochOptions& options);

// Throws InvalidArgument for what can be no place in an epoch.
void check_position(const EpochPosition& position);

// Whether an epoch that was stopped at `left` is the one that is to be trained.
bool is_same_epoch(const EpochPosition& left, const EpochPosition& wanted,
                   const EpochOptions& options);

// Throws InvalidArgument where so many rows cannot be this part of an epoch that stands there.
void check_part(const EpochPart& part, std::size_t rows, const EpochPosition& at);

}  // namespace nncore
