// Which instruction set's kernels run. The only place that knows how to ask the processor.
#include <cstdlib>
#include <string>

#include "kernels/kernels.hpp"
#include "nncore/error.hpp"

namespace nncore {

// instruction_sets.inc is made of the list in cpp/src/CMakeLists.txt.
#define NNCORE_CANDIDATE(set, available) extern const InstructionSet set;
#include "instruction_sets.inc"
#undef NNCORE_CANDIDATE

namespace {

struct Candidate {
  const InstructionSet& set;
  bool (*available)();
};

// Widest first.
const Candidate candidates[] = {
#define NNCORE_CANDIDATE(set, available) {set, [] { return bool(available); }},
#include "instruction_sets.inc"
#undef NNCORE_CANDIDATE
};

const InstructionSet& choose() {
  const char* forced = std::getenv("NNCORE_ISA");
  std::string known;
  for (const Candidate& candidate : candidates) {
    if (!forced || !*forced || std::string(forced) == candidate.set.name) {
      if (candidate.available()) return candidate.set;
      if (forced && *forced) {
        throw InvalidArgument("NNCORE_ISA=" + std::string(forced) +
                              ": this machine does not have that instruction set");
      }
    }
    known += (known.empty() ? "" : ", ") + std::string(candidate.set.name);
  }
  throw InvalidArgument("NNCORE_ISA=" + std::string(forced) +
                        ": no such instruction set; expected one of " + known);
}

}  // namespace

const InstructionSet& instruction_set() {
  static const InstructionSet& chosen = choose();
  return chosen;
}

std::vector<const InstructionSet*> available_instruction_sets() {
  std::vector<const InstructionSet*> sets;
  for (const Candidate& candidate : candidates) {
    if (candidate.available()) sets.push_back(&candidate.set);
  }
  return sets;
}

template <>
const Kernels<float>& kernels<float>() {
  return instruction_set().f32;
}

template <>
const Kernels<double>& kernels<double>() {
  return instruction_set().f64;
}

}  // namespace nncore
