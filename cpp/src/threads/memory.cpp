#include "threads/memory.hpp"

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace nncore {

void ask_for_large_pages([[maybe_unused]] void* begin,
                         [[maybe_unused]] std::size_t bytes) noexcept {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  madvise(begin, bytes / large_page * large_page, MADV_HUGEPAGE);  // a refusal changes nothing
#endif
}

}  // namespace nncore
