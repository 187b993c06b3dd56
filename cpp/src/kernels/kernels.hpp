// The one table through which the core reaches its hot loops. Every instruction set fills it
// from the same source (generic.hpp) in a file of its own; kernels() picks at first use.
//
// Kernels allocate nothing, throw nothing and know no threads: the caller cuts the work into
// ranges. Matrices that kernels write have rows padded with zeros to whole cache lines
// (padded() in memory.hpp), so there are no remainders along a row.
//
// The order of every sum is fixed here, whatever the instruction set or the thread count:
// products add their terms in ascending order, in blocks of sum_block, block by block; dot
// products keep a cache line of partial sums; sparse products sum each part of a row by itself,
// its even and its odd terms apart; softmax and costs sum a row's lines one after the other, the
// lanes of a line by halves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/cost_parameters.hpp"
#include "kernels/optimizers.hpp"
#include "kernels/sparse_rows.hpp"
#include "nncore/matrix.hpp"
#include "nncore/names.hpp"

namespace nncore {

inline constexpr std::size_t cache_line = 64;
inline constexpr std::size_t sum_block = 256;
// Elements of scratch that matmul needs for packed panels, for any instruction set: a strip that
// takes a part of L2.
inline constexpr std::size_t panel_elements = sum_block * 128;

// C (m, n) = start + scale * A (m, k) B (k, n), where A[i, p] = a[i * a_row + p * a_col] and the
// rows of B and C are padded. The start is C itself (accumulate), or a row of biases, or zero.
template <class T>
struct GemmArgs {
  std::size_t m = 0, n = 0, k = 0;
  const T* a = nullptr;
  std::size_t a_row = 0, a_col = 0;
  const T* b = nullptr;
  std::size_t b_row = 0;
  T* c = nullptr;
  std::size_t c_row = 0;
  const T* bias = nullptr;
  bool accumulate = false;
  T scale = 1;
  // Whether A, its rows contiguous, is worth searching for zeros to leave out; with B finite this
  // changes no bit of C.
  bool mostly_zero = false;
  // Called with every block of C, of so many rows and columns, once it is done and while it is in
  // L1; the blocks begin at whole lines. Null: not called.
  void (*epilogue)(const void* context, T* block, std::size_t m, std::size_t n) = nullptr;
  const void* context = nullptr;
};

// The same rows of a mini-batch column by column: column k holds the entries from starts[k] to
// starts[k + 1], their rows ascending.
template <class T>
struct SparseColumns {
  struct Entry {
    T value;
    std::int32_t row;
  };
  const std::int32_t* starts = nullptr;
  const Entry* entries = nullptr;
  std::size_t cols = 0;
};

// The largest absolute values of sparse rows, and of what they meet.
template <class T>
struct SparseLargest {
  T x = 0, w = 0;
};

// What makes a field of displacements from random nodes; see data/distorter.hpp. Rows of `columns`,
// of the field and of its scratch (node_rows of them) are `stride` apart, whole lines of which are
// written.
inline constexpr std::size_t elastic_reach = 10;  // nodes that a pixel feels, each way
template <class T>
struct ElasticGrid {
  std::size_t height = 0, width = 0, stride = 0;
  std::size_t node_rows = 0, node_cols = 0;
  const T* rows = nullptr;                 // (height, elastic_reach)
  const std::size_t* row_first = nullptr;  // (height): the first node that the row feels
  const T* columns = nullptr;              // (node_cols, width)
  // For each cache line of a row the nodes that it feels, from the first to before the end.
  const std::size_t *line_first = nullptr, *line_end = nullptr;
};

// Where each pixel (r, c) of `out`, (height, width, channels), is taken from: x = xx u + xy v +
// x_start + dx and y = yx u + yy v + y_start + dy for u = c - x_centre, v = r - y_centre. (0, 0) is
// the corner of the frame.
// Each channel of the image is a plane (height + 3, width + 3): one line and column of what lies
// outside before it, two behind it. Places further outside are moved there.
template <class T>
struct WarpArgs {
  std::size_t height = 0, width = 0, channels = 1;
  const T* image = nullptr;
  std::size_t stride = 0, plane = 0;
  T xx = 1, xy = 0, x_start = 0, yx = 0, yy = 1, y_start = 0, x_centre = 0, y_centre = 0;
  const T *dx = nullptr, *dy = nullptr;  // both null for none
  std::size_t field_stride = 0;
  T* out = nullptr;
};

// A row for every enumerator of a list.
template <class Enum, class Row>
struct TableOf {
  Row rows[enumerator_count<Enum>];

  constexpr const Row& operator[](Enum e) const { return rows[static_cast<std::size_t>(e)]; }
};

template <class T>
struct Kernels {
  const char* instruction_set;

  void (*matmul)(const GemmArgs<T>& product, T* panel);
  // C (m, n) = A (m, k) B (n, k)^T, rows of all three padded: dot products, for small m.
  void (*gemm_nt)(std::size_t m, std::size_t n, std::size_t k, const T* a, std::size_t a_row,
                  const T* b, std::size_t b_row, T* c, std::size_t c_row);
  // out (cols, rows) = in (rows, cols) transposed; rows of out padded with zeros.
  void (*transpose)(const T* in, std::size_t in_row, std::size_t rows, std::size_t cols, T* out,
                    std::size_t out_row);
  // C (m, n) = bias + scale * X W for a part of sparse rows X and W (in, n), the rows of W padded;
  // without a bias, C = scale * X W.
  void (*sparse_matmul)(const SparseRows<T>& x, Part part, std::size_t m, std::size_t n, const T* w,
                        std::size_t w_row, T scale, const T* bias, T* c, std::size_t c_row);
  // G (in, n) += X^T (scale * D) for a part of m sparse rows X and D (m, n).
  void (*sparse_gradient)(const SparseRows<T>& x, Part part, std::size_t m, std::size_t n, T scale,
                          const T* d, std::size_t d_row, T* g, std::size_t g_row);
  // G += X^T D, whole, for rows that lie column by column: each row of G is then stored once, not
  // for every entry. With overwrite, G = X^T D.
  void (*sparse_gradient_columns)(const SparseColumns<T>& x, std::size_t n, const T* d,
                                  std::size_t d_row, T* g, std::size_t g_row, bool overwrite);
  // sum[j] += scale * (sum over i of d[i, j]).
  void (*column_sums)(const T* d, std::size_t d_row, std::size_t m, std::size_t n, T scale, T* sum);

  struct ActivationKernels {
    // z (m, n) becomes act(z) in place.
    void (*apply)(T* z, std::size_t row, std::size_t m, std::size_t n);
    // delta (m, n) *= act'(z, a); z is read where needs_z.
    void (*multiply_slope)(const T* z, const T* a, T* delta, std::size_t row, std::size_t m,
                           std::size_t n);
    bool needs_z;
    bool elementwise;  // apply may have a row piece by piece
  };
  TableOf<Activation, ActivationKernels> activations;

  struct CostKernels {
    // Of one row; z is read where needs_z. All three are padded, with anything.
    double (*value)(const CostParameters& parameters, const T* z, const T* a, const T* y,
                    std::size_t n);
    // dC/da of one row; for a cost with a canonical activation alone, dC/dz.
    void (*slope)(const CostParameters& parameters, const T* z, const T* a, const T* y, T* delta,
                  std::size_t n);
    bool needs_z;
  };
  TableOf<Cost, CostKernels> costs;

  // One pass over count parameters: w, gradient, and up to two slots.
  TableOf<Optimizer,
          void (*)(const Update& update, T* w, const T* g, T* s0, T* s1, std::size_t count)>
      update;
  std::size_t (*count_nonzeros)(const T* x, std::size_t count);  // count < 2^31
  // The largest absolute value; infinity if any is NaN.
  T (*largest_magnitude)(const T* x, std::size_t count);
  // The same; infinity, too, if any is negative.
  T (*largest_from_zero)(const T* x, std::size_t count);
  // Of m sparse rows X, and of the rows of W (in, n) that they meet.
  SparseLargest<T> (*sparse_largest)(const SparseRows<T>& x, std::size_t m, std::size_t n,
                                     const T* w, std::size_t w_row);
  void (*multiply)(T* x, const T* by, std::size_t count);
  void (*add)(T* x, const T* y, std::size_t count);
  void (*rescale)(T* x, T by, std::size_t count);

  // Distortions of images. The words of so many blocks of Philox from this counter on; writes 64
  // words at a time.
  void (*random_words)(std::uint64_t key, const std::uint32_t* counter, std::size_t blocks,
                       std::uint32_t* out);
  void (*elastic_field)(const ElasticGrid<T>& grid, const std::uint32_t* words, T* scratch,
                        T* field);
  // to = (1 - part) from + part * the largest (thicker) or least of each pixel and its four
  // neighbours; both are planes as those of WarpArgs. The frame of `to` is not written.
  void (*thicken)(const T* from, std::size_t stride, std::size_t height, std::size_t width, T part,
                  bool thicker, T* to);
  void (*warp)(const WarpArgs<T>& args);
  // x[i] += scale * (the sum of the four bytes of words[i], less their mean, 510).
  void (*add_noise)(T* x, const std::uint32_t* words, std::size_t count, T scale);
};

// One instruction set's tables; each is defined in the file of its name.
struct InstructionSet {
  const char* name;
  const Kernels<float>& f32;
  const Kernels<double>& f64;
};

// The tables for this machine: the widest set it has, or the one NNCORE_ISA names. Throws
// InvalidArgument for one that is unknown or that the machine lacks.
const InstructionSet& instruction_set();

template <class T>
const Kernels<T>& kernels();

// All sets that this machine has, widest first.
std::vector<const InstructionSet*> available_instruction_sets();

}  // namespace nncore
