#include "train/epoch_position.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "data/check.hpp"
#include "model/random.hpp"

namespace nncore {
namespace {

// What EpochPosition::order says of an epoch's rows. An order that was given has its hash.
constexpr std::uint64_t as_they_lie = 0, shuffled = 1;

}  // namespace

std::uint64_t row_order_key(const EpochOptions& options) {
  if (options.part) return options.part->order;
  if (!options.order) return options.shuffle ? shuffled : as_they_lie;
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a, a row at a time
  for (const std::int64_t row : *options.order) {
    hash = (hash ^ static_cast<std::uint64_t>(row)) * 0x100000001b3;
  }
  return std::max(hash, std::uint64_t{unknown_order + 1});
}

bool is_same_epoch(const EpochPosition& left, const EpochPosition& wanted,
                   const EpochOptions& options) {
  if (left.epoch != wanted.epoch || left.rows != wanted.rows ||
      left.batch_size != wanted.batch_size) {
    return false;
  }
  return left.order == unknown_order ? !options.order : left.order == row_order_key(options);
}

void check_position(const EpochPosition& p) {
  const auto all = p.batch_size > 0 ? p.rows / p.batch_size + (p.rows % p.batch_size != 0) : 0;
  if (p.batches < 1 || p.batches >= all) {
    throw InvalidArgument(concat(p.batches, " mini-batches are done of an epoch of ", p.rows,
                                 " rows in mini-batches of ", p.batch_size,
                                 "; expected one at least, and one that is left"));
  }
  if (!std::isfinite(p.cost) || !(p.weight >= 0) || std::isinf(p.weight)) {
    throw InvalidArgument(concat("the cost of an epoch's first mini-batches is ", p.cost,
                                 " for rows that weigh ", p.weight, "; expected finite numbers"));
  }
}

void check_part(const EpochPart& part, std::size_t rows, const EpochPosition& at) {
  if (part.order <= unknown_order) {
    throw InvalidArgument(
        concat("the part's order is ", part.order, "; expected ", unknown_order + 1, " or more"));
  }
  const std::size_t end = part.rows_before + rows;
  if (end > part.epoch_rows || part.rows_before % at.batch_size != 0 ||
      (end < part.epoch_rows && end % at.batch_size != 0)) {
    throw InvalidArgument(concat("the part is rows ", part.rows_before, " to ", end,
                                 " of an epoch of ", part.epoch_rows,
                                 "; expected whole mini-batches of ", at.batch_size));
  }
  const auto stands_at = static_cast<std::size_t>(at.batches) * at.batch_size;
  if (stands_at < part.rows_before) {
    throw InvalidArgument(concat("the part begins behind row ", part.rows_before,
                                 " of the epoch, which stands at row ", stands_at));
  }
}

void permutation(std::span<std::int64_t> out, std::uint64_t seed, std::uint64_t epoch) {
  std::iota(out.begin(), out.end(), 0);
  const Philox random(seed, Stream::shuffle, epoch, 0);
  Random4 numbers{};
  for (std::size_t i = out.size(); i > 1; --i) {
    const std::size_t drawn = out.size() - i;
    if (drawn % 2 == 0) numbers = random(drawn / 2);
    const std::uint64_t bits =
        Philox::bits64(numbers[2 * (drawn % 2)], numbers[2 * (drawn % 2) + 1]);
    // The high half of bits * i is uniform in [0, i) but for a bias of i / 2^64.
    const auto j = static_cast<std::size_t>(high_half(bits, i));
    std::swap(out[i - 1], out[j]);
  }
}

}  // namespace nncore
