// Sanitizers and emulators are slow. What takes long takes every n-th of its cases under them; it
// takes all of them where the tests run by themselves.
#pragma once

constexpr int every([[maybe_unused]] int n) {
#ifdef NNCORE_SLOW
  return n;
#else
  return 1;
#endif
}
