// Training on many machines: how the ranks of a program exchange what each of them has computed.
#pragma once

#include <cstddef>

#include "nncore/callback.hpp"

#pragma GCC visibility push(default)
namespace nncore {

// nncore links no MPI: whoever has one, or another way to exchange bytes, hands in its functions.
// Every rank makes the same calls with the same arguments but for its data, from the rows of its
// own lanes (TrainOptions::lanes) alone, and ends with the same bits: those of one process with as
// many lanes. The functions are called on the thread that trains. What they throw ends the call as
// an error does, on this rank alone: it is for the program to end the others (MPI_Abort).
//
//   const Collective collective{
//       .rank = rank,
//       .ranks = ranks,
//       .all_to_all = [](const void* send, void* receive, std::size_t bytes) {
//         MPI_Alltoall(send, int(bytes), MPI_BYTE, receive, int(bytes), MPI_BYTE, MPI_COMM_WORLD);
//       },
//       .all_gather = [](const void* send, void* receive, std::size_t bytes) {
//         MPI_Allgather(send, int(bytes), MPI_BYTE, receive, int(bytes), MPI_BYTE, MPI_COMM_WORLD);
//       }};
//   trainer.epoch(data, {.learning_rate = 0.1, .collective = &collective});
struct Collective {
  std::size_t rank = 0, ranks = 1;
  // Both receive `ranks` blocks of so many bytes, the one from rank r in place r. Of what rank r
  // sends it is block `rank`, for all_to_all,
  Callback<void(const void* send, void* receive, std::size_t bytes)> all_to_all = {};
  // and all of it, one block, for all_gather.
  Callback<void(const void* send, void* receive, std::size_t bytes)> all_gather = {};
};

// The lanes of one rank: from begin to before end, of so many in all.
struct LaneRange {
  std::size_t begin = 0, end = 0;
};
constexpr LaneRange lanes_of_rank(std::size_t lanes, std::size_t rank, std::size_t ranks) noexcept {
  return {lanes * rank / ranks, lanes * (rank + 1) / ranks};
}

// The rows of a mini-batch of so many that lane i takes: from begin to before end.
LaneRange rows_of_lane(std::size_t rows, std::size_t lanes, std::size_t i) noexcept;

}  // namespace nncore
#pragma GCC visibility pop
