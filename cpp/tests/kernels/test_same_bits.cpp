// The instruction sets with a fused multiply-add give the same bits, whatever the width of their
// vectors. The kernels of this program are compared one by one. Training runs are compared by their
// hashes, which are the same on x86 and on Arm.
#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "compute/workspace.hpp"
#include "kernels/kernels.hpp"
#include "kernels/math.hpp"
#include "model/random.hpp"
#include "nncore/nncore.hpp"

namespace nncore {
extern const InstructionSet baseline;
}
using namespace nncore;

namespace test_same_bits {
namespace {

const std::size_t odd_sizes[] = {1, 7, 8, 9, 16, 17, 33, 65};

// Numbers in [low, high), of which every `zeros`-th is 0. They are the same on every machine.
template <class T>
std::vector<T> numbers(std::size_t n, std::uint64_t seed, double low = -1, double high = 1,
                       std::size_t zeros = 0) {
  const Philox random(seed, Stream::parameters, 0, 0);
  std::vector<T> x(n);
  for (std::size_t i = 0; i < n; ++i) {
    if (zeros && i % zeros == 0) continue;
    x[i] = static_cast<T>(low + (high - low) * (random(i)[0] >> 8) * 0x1p-24);
  }
  return x;
}

// A matrix whose rows are padded with zeros.
template <class T>
struct Matrix {
  std::size_t row;
  std::vector<T> memory;
  Matrix(std::size_t rows, std::size_t cols, std::uint64_t seed, std::size_t zeros = 0)
      : row(padded<T>(cols)), memory(rows * row) {
    const std::vector<T> x = numbers<T>(rows * cols, seed, -1, 1, zeros);
    for (std::size_t i = 0; i < x.size(); ++i) memory[i / cols * row + i % cols] = x[i];
  }
  const T* data() const { return memory.data(); }
};

// Two tables to compare: call(table, out) for both, on copies of `out`.
template <class T>
struct Pair {
  const Kernels<T>&one, &other;

  template <class F>
  void compare(const std::vector<T>& out, F call) const {
    std::vector<T> a = out, b = out;
    call(one, a.data());
    call(other, b.data());
    REQUIRE(std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
  }
};

template <class T>
void compare_products(const Pair<T>& pair, std::size_t m, std::size_t n, std::size_t k) {
  CAPTURE(m);
  CAPTURE(n);
  CAPTURE(k);
  const Matrix<T> b(k, n, 2), c(m, n, 3), bias(1, n, 4);
  for (const int variant : {0, 1, 2, 3}) {  // plain, accumulating, A transposed, A mostly zero
    const bool transposed = variant == 2;
    const Matrix<T> a(transposed ? k : m, transposed ? m : k, 1, 3);
    pair.compare(c.memory, [&](const Kernels<T>& table, T* out) {
      std::vector<T> panel(panel_elements);
      table.matmul({.m = m,
                    .n = n,
                    .k = k,
                    .a = a.data(),
                    .a_row = transposed ? 1 : a.row,
                    .a_col = transposed ? a.row : 1,
                    .b = b.data(),
                    .b_row = b.row,
                    .c = out,
                    .c_row = c.row,
                    .bias = variant == 1 ? nullptr : bias.data(),
                    .accumulate = variant == 1,
                    .scale = T(0.3),
                    .mostly_zero = variant == 3},
                   panel.data());
    });
  }
  const Matrix<T> rows(m, k, 5), columns(n, k, 6);
  pair.compare(c.memory, [&](const Kernels<T>& table, T* out) {
    table.gemm_nt(m, n, k, rows.data(), rows.row, columns.data(), columns.row, out, c.row);
  });
  const Matrix<T> turned(k, m, 7);
  pair.compare(turned.memory, [&](const Kernels<T>& table, T* out) {
    table.transpose(rows.data(), rows.row, m, k, out, turned.row);
  });
  pair.compare(bias.memory, [&](const Kernels<T>& table, T* out) {
    table.column_sums(c.data(), c.row, m, n, T(0.3), out);
  });
}

template <class T>
void compare_sparse_products(const Pair<T>& pair, std::size_t m, std::size_t n) {
  CAPTURE(m);
  CAPTURE(n);
  constexpr std::size_t in = 40;
  const std::vector<T> values = numbers<T>(m * in, 1);
  std::vector<std::int32_t> columns, starts = {0};
  std::vector<std::int64_t> offsets = {0};
  std::vector<typename SparseColumns<T>::Entry> entries;
  for (std::size_t i = 0; i < m; ++i) {  // i + 3 of the columns, or all
    for (std::size_t j = 0; j < std::min(i + 3, in); ++j) {
      columns.push_back(static_cast<std::int32_t>(j));
    }
    offsets.push_back(static_cast<std::int64_t>(columns.size()));
  }
  for (std::size_t j = 0; j < in; ++j) {
    for (std::size_t i = j < 3 ? 0 : j - 2; i < m; ++i) {
      entries.push_back({values[i * in + j], static_cast<std::int32_t>(i)});
    }
    starts.push_back(static_cast<std::int32_t>(entries.size()));
  }
  const SparseRows<T> x{{values.data(), columns.data(), offsets.data(), m, in}, {}, nullptr, 0};
  const SparseColumns<T> by_column{starts.data(), entries.data(), in};
  const Matrix<T> w(in, n, 2), bias(1, n, 3), z(m, n, 4), d(m, n, 5);
  for (const Part part : {Part::lower, Part::upper}) {
    const T* start = part == Part::lower ? bias.data() : nullptr;
    pair.compare(z.memory, [&](const Kernels<T>& table, T* out) {
      table.sparse_matmul(x, part, m, n, w.data(), w.row, T(0.3), start, out, z.row);
    });
    pair.compare(w.memory, [&](const Kernels<T>& table, T* out) {
      table.sparse_gradient(x, part, m, n, T(0.3), d.data(), d.row, out, w.row);
    });
  }
  for (const bool overwrite : {false, true}) {
    pair.compare(w.memory, [&](const Kernels<T>& table, T* out) {
      table.sparse_gradient_columns(by_column, n, d.data(), d.row, out, w.row, overwrite);
    });
  }
}

template <class T>
void compare_rows(const Pair<T>& pair, std::size_t n) {
  CAPTURE(n);
  const std::size_t row = padded<T>(n), count = 64 * row;
  const std::vector<T> z = numbers<T>(count, 1, -30, 30), y = numbers<T>(count, 2, 0, 1);
  for (std::size_t i = 0; i < activation_count; ++i) {
    CAPTURE(std::string(name(Activation(i))));
    std::vector<T> a = z;
    pair.one.activations[Activation(i)].apply(a.data(), row, 64, n);
    pair.compare(z, [&](const Kernels<T>& table, T* out) {
      table.activations[Activation(i)].apply(out, row, 64, n);
    });
    pair.compare(y, [&](const Kernels<T>& table, T* out) {
      table.activations[Activation(i)].multiply_slope(z.data(), a.data(), out, row, 64, n);
    });
  }
  for (std::size_t i = 0; i < cost_count; ++i) {
    CAPTURE(std::string(name(Cost(i))));
    std::vector<double> numbers;
    for (const Hyperparameter& h : hyperparameters(Cost(i))) numbers.push_back(h.value);
    const std::vector<double> list(Cost(i) == Cost::pinball || n == 1 ? 0 : n, 0.3);
    const CostParameters p{numbers.data(), list.data(), list.size()};
    for (std::size_t at = 0; at < count; at += row) {
      const auto value = [&](const Kernels<T>& table) {
        return table.costs[Cost(i)].value(p, z.data() + at, z.data() + at, y.data() + at, n);
      };
      REQUIRE(value(pair.one) == value(pair.other));
    }
    pair.compare(z, [&](const Kernels<T>& table, T* out) {
      table.costs[Cost(i)].slope(p, z.data(), z.data(), y.data(), out, n);
    });
  }
}

template <class T>
void compare_elements(const Pair<T>& pair, std::size_t n) {
  CAPTURE(n);
  const std::vector<T> w = numbers<T>(n, 1), g = numbers<T>(n, 2, -1, 1, 5);
  std::vector<T> both = numbers<T>(2 * n, 3, 0, 1);  // the slots, stored after w
  both.insert(both.begin(), w.begin(), w.end());
  for (std::size_t i = 0; i < optimizer_count; ++i) {
    CAPTURE(std::string(name(Optimizer(i))));
    Update u{.learning_rate = 0.1, .t = 3, .l2 = 0.2, .l1 = 0.3};
    std::size_t h = 0;
    for (const Hyperparameter& p : hyperparameters(Optimizer(i))) u.hyperparameters[h++] = p.value;
    pair.compare(both, [&](const Kernels<T>& table, T* out) {
      table.update[Optimizer(i)](u, out, g.data(), out + n, out + 2 * n, n);
    });
  }
  CHECK(pair.one.count_nonzeros(g.data(), n) == pair.other.count_nonzeros(g.data(), n));
  pair.compare(w, [&](const Kernels<T>& table, T* out) { table.multiply(out, g.data(), n); });
  pair.compare(w, [&](const Kernels<T>& table, T* out) { table.add(out, g.data(), n); });
  pair.compare(w, [&](const Kernels<T>& table, T* out) { table.rescale(out, T(0.3), n); });
}

template <class T>
void compare_tables(const Pair<T>& pair) {
  CAPTURE(std::string(pair.one.instruction_set));
  CAPTURE(std::string(pair.other.instruction_set));
  for (const std::size_t m : odd_sizes) {
    for (const std::size_t n : odd_sizes) {
      for (const std::size_t k : {std::size_t{1}, std::size_t{9}, std::size_t{33}}) {
        compare_products(pair, m, n, k);
      }
      compare_sparse_products(pair, m, n);
    }
  }
  compare_products(pair, 65, 301, 300);  // packed panels, several strips and blocks of the sum
  compare_products(pair, 1, 301, 784);
  compare_products(pair, 2, 17, 784);
  for (const std::size_t n : odd_sizes) {
    compare_rows(pair, n);
    compare_elements(pair, n);
  }
}

// FNV-1a of the little-endian bytes, continued from `hash`.
template <class T>
std::uint64_t hashed(std::span<const T> x, std::uint64_t hash = 0xcbf29ce484222325u) {
  for (const T number : x) {
    const auto bits = bits_as<typename FloatFormat<T>::Bits>(number);
    for (std::size_t byte = 0; byte < sizeof bits; ++byte) {
      hash = (hash ^ (bits >> (8 * byte) & 0xff)) * 0x100000001b3u;
    }
  }
  return hash;
}

struct Run {
  TrainOptions options;
  Activation hidden;
  std::size_t zeros;  // among the inputs: none, or all but a few
};

// Nothing here uses the C library's functions, whose last bits differ between systems: the weights
// are drawn from a uniform distribution, and the powers of Adam's betas are exact.
template <class T>
std::uint64_t hash_of_runs(std::span<const Run> runs, std::size_t rows,
                           const std::vector<std::size_t>& sizes) {
  const std::size_t inputs = sizes.front(), outputs = sizes.back();
  std::uint64_t hash = hashed<T>({});
  for (const Run& run : runs) {
    Network<T> network({.sizes = sizes,
                        .activations = {run.hidden, run.hidden, Activation::softmax},
                        .cost = Cost::log_likelihood},
                       5);
    for (std::size_t l = 0; l < 3; ++l) {
      const MatrixView<T> w = network.weights(l);
      const std::vector<T> drawn = numbers<T>(w.rows * w.cols, l, -0.125, 0.125);
      for (std::size_t i = 0; i < drawn.size(); ++i) w.row(i / w.cols)[i % w.cols] = drawn[i];
    }
    std::vector<T> x = numbers<T>(rows * inputs, 9);
    for (std::size_t i = 0; run.zeros && i < x.size(); ++i) x[i] = i % run.zeros ? T(0) : x[i];
    std::vector<std::int64_t> y(rows);
    for (std::size_t i = 0; i < rows; ++i) y[i] = static_cast<std::int64_t>(i * 7 % outputs);
    const Samples<T> samples{
        MatrixView<const T>{x.data(), rows, inputs, inputs}, std::span<const std::int64_t>(y), {}};
    const Dataset<T> data(network, samples, /*compacted=*/false);
    Trainer<T> trainer(network, run.options);
    for (int epoch = 0; epoch < 3; ++epoch) {
      const double cost = trainer.epoch(data, {.learning_rate = 0x1p-7});
      hash = hashed<double>({&cost, 1}, hash);
    }
    hash = hashed<T>(network.parameters(), hash);
    std::vector<T> a(rows * outputs);
    network.feedforward(samples.x, {a.data(), rows, outputs, outputs});
    hash = hashed<T>(a, hash);
  }
  return hash;
}

template <class T>
std::uint64_t hash_of_training() {
  const Run runs[] = {
      {{.batch_size = 33,
        .optimizer = Optimizer::adam,
        .hyperparameters = {0.5, 0.75, 1e-8, 0},
        .l1 = 0.125,
        .dropout = {0.25, 0.5, 0.5}},
       Activation::gelu,
       0},
      {{.batch_size = 7, .optimizer = Optimizer::sgd, .l2 = 1}, Activation::tanh, 7},
      {{.batch_size = 10, .optimizer = Optimizer::rmsprop, .clip_norm = 2}, Activation::silu, 0},
      {{.batch_size = 150, .optimizer = Optimizer::nesterov, .max_norm = 3}, Activation::relu, 7}};
  return hash_of_runs<T>(runs, 150, {301, 67, 19, 5});
}

// Of mini-batches that are cut into lanes: two of them, three, and five.
template <class T>
std::uint64_t hash_of_lanes() {
  const Run runs[] = {
      {{.batch_size = 262,
        .optimizer = Optimizer::adam,
        .hyperparameters = {0.5, 0.75, 1e-8, 0},
        .l1 = 0.125,
        .dropout = {0.25, 0.5, 0.5}},
       Activation::gelu,
       0},
      {{.batch_size = 401, .optimizer = Optimizer::sgd, .l2 = 1}, Activation::tanh, 0},
      {{.batch_size = 700, .optimizer = Optimizer::rmsprop, .clip_norm = 2}, Activation::silu, 3}};
  return hash_of_runs<T>(runs, 700, {13, 67, 19, 5});
}

}  // namespace

TEST_CASE("every kernel gives the same bits on every instruction set that fuses") {
  std::vector<const InstructionSet*> sets;
  for (const InstructionSet* set : available_instruction_sets()) {
    if (set != &baseline) sets.push_back(set);
  }
  for (std::size_t s = 1; s < sets.size(); ++s) {
    compare_tables<float>({sets[0]->f32, sets[s]->f32});
    compare_tables<double>({sets[0]->f64, sets[s]->f64});
  }
}

TEST_CASE("rows are shuffled in the same order on every machine") {
  CHECK(high_half(~std::uint64_t{0}, ~std::uint64_t{0}) == ~std::uint64_t{1});
  CHECK(high_half(std::uint64_t{1} << 63, 6) == 3);
  CHECK(high_half(0x0123456789abcdefu, 0xfedcba9876543210u) == 0x121fa00ad77d742u);
  std::vector<std::int64_t> order(1000);
  permutation(order, 0x123456789u, 0x200000003u);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < order.size(); ++i)
    sum += i * i * static_cast<std::uint64_t>(order[i]);
  CHECK(sum == 166444277653u);
}

// Instruction sets that round products before sums have other hashes, which they share: baseline on
// x86-64 and on all machines without kernels of their own, such as a browser. On 64-bit Arm, and
// where the compiler may use x86's FMA everywhere, baseline fuses some operations. Its hash is not
// checked there.
TEST_CASE("training gives the same bits on every machine that does not fuse") {
  if (&instruction_set() != &baseline || NNCORE_FMA) return;
  CHECK(hash_of_training<float>() == 3160820734665086267u);
  CHECK(hash_of_training<double>() == 17122291067053649395u);
  CHECK(hash_of_lanes<float>() == 3812664743456745548u);
  CHECK(hash_of_lanes<double>() == 9502170321173407458u);
}

TEST_CASE("training gives the same bits on every machine that fuses") {
  if (&instruction_set() == &baseline) return;
  // If you change the order of a sum on purpose, put the new hashes here.
  CHECK(hash_of_training<float>() == 816610526933022215u);
  CHECK(hash_of_training<double>() == 1985340106366795454u);
  CHECK(hash_of_lanes<float>() == 3929915624249114856u);
  CHECK(hash_of_lanes<double>() == 8094156974155392564u);
}

}  // namespace test_same_bits
