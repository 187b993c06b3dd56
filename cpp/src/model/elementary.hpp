// Logarithm, sine, cosine and power of the library's own: those of C libraries differ in the last
// bit from one to the next, and with them every number that is made from theirs.
//
// Each is rounded once, from a sum of two doubles whose relative error is below 2^-66: it is the
// double nearest to the true value but in one of some thousand cases, where two are about as near.
// Additions, multiplications and divisions alone, so that the bits are the same everywhere.
#pragma once

#include <array>

namespace nncore::elementary {

// Of a positive, normal number.
double log(double x) noexcept;

// Sine and cosine of an angle from 0 to 2 pi.
std::array<double, 2> sin_cos(double angle) noexcept;
inline double cos(double angle) noexcept { return sin_cos(angle)[1]; }

// Of a positive, normal number to a power of 0 or more. Infinity and 0 where the result is beyond
// doubles.
double pow(double x, double power) noexcept;

}  // namespace nncore::elementary
