// Whether the system has threads to give.
#pragma once

namespace nncore {

// Whether the system grants so many more threads now, and some to spare. It makes them on trial,
// and so takes as long as making them.
bool grants_threads(int count) noexcept;

}  // namespace nncore
