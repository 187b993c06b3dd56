"""The parts of the C files that `to_c` writes. It fills in NAME, MACRO, INLINE and the like."""

HEAD = """\
/* <FILE>: a neural network in <DTYPE>, written by nncore <VERSION>.
 *
 *   layer  inputs   units  activation
<TABLE>
 *
<FUNCTIONS>
 *
 * Nothing is allocated or kept from call to call, so that threads may call at once. The arrays of
 * a call take at most <STACK> bytes of stack. C99 or C++; link with -lm.
 */
"""

FEEDFORWARD = (
    "{name}_feedforward(x, y) reads {macro}_INPUTS floats from x and writes {macro}_OUTPUTS floats "
    "to y. The two may not overlap."
)
PREDICT = "{name}_predict(x) returns the class of x."
INT8_INPUTS = (
    "The functions that end in _int8 take inputs that are eight-bit integers already: x times "
    "{macro}_INPUT_LEVELS, rounded and within +-127."
)

CPP_BEGIN = """
#ifdef __cplusplus
extern "C" {
#endif
"""

CPP_END = """
#ifdef __cplusplus
}
#endif
"""

MULTIPLY_ADD = """
/* Rounded once, as nncore does it, where the processor can (x86-64 wants -mfma for that).
 * Elsewhere fmaf is a call that takes far longer than a product and a sum. */
#if defined(FP_FAST_FMAF) || defined(__FP_FAST_FMAF) || defined(__FMA__) || \\
    defined(__ARM_FEATURE_FMA)
#define MACRO_MULTIPLY_ADD(weight, x, sum) fmaf((weight), (x), (sum))
#else
#define MACRO_MULTIPLY_ADD(weight, x, sum) ((weight) * (x) + (sum))
#endif
"""

DENSE_FLOAT32 = """
/* y = weights x + biases. Four units are computed side by side, and the last few one by one.
 * Each unit's sum is made in blocks, as nncore makes it. */
INLINE void NAME_dense(const float *weights, const float *biases, int inputs, int units,
    const float *x, float *y)
{
    int unit = 0;
    for (; unit + 4 <= units; unit += 4) {
        float y0 = biases[unit], y1 = biases[unit + 1];
        float y2 = biases[unit + 2], y3 = biases[unit + 3];
        for (int i = 0; i < inputs;) {
            const int end = inputs - i > 256 ? i + 256 : inputs;
            float sum0 = 0.0f, sum1 = 0.0f, sum2 = 0.0f, sum3 = 0.0f;
            for (; i < end; ++i) {
                sum0 = MACRO_MULTIPLY_ADD(weights[0], x[i], sum0);
                sum1 = MACRO_MULTIPLY_ADD(weights[1], x[i], sum1);
                sum2 = MACRO_MULTIPLY_ADD(weights[2], x[i], sum2);
                sum3 = MACRO_MULTIPLY_ADD(weights[3], x[i], sum3);
                weights += 4;
            }
            y0 += sum0;
            y1 += sum1;
            y2 += sum2;
            y3 += sum3;
        }
        y[unit] = y0;
        y[unit + 1] = y1;
        y[unit + 2] = y2;
        y[unit + 3] = y3;
    }
    for (; unit < units; ++unit) {
        y[unit] = biases[unit];
        for (int i = 0; i < inputs;) {
            const int end = inputs - i > 256 ? i + 256 : inputs;
            float sum = 0.0f;
            for (; i < end; ++i)
                sum = MACRO_MULTIPLY_ADD(weights[i], x[i], sum);
            y[unit] += sum;
        }
        weights += inputs;
    }
}
"""
"""256 is `sum_block` of the core's kernels (cpp/src/kernels/kernels.hpp)."""

QUANTIZE = """
/* The nearest of 255 levels around 0. What lies beyond them is cut off. */
INLINE void NAME_quantize(const float *x, int n, float levels, int8_t *q)
{
    for (int i = 0; i < n; ++i) {
        float level = x[i] * levels;
        level = level < 127.0f ? level : 127.0f;
        level = level > -127.0f ? level : -127.0f;
        q[i] = (int8_t)lrintf(level);
    }
}
"""

DENSE_INT8 = """
/* y = scales (weights q) + biases. The sums are exact in 32 bits. Four units are computed side by
 * side, and the last few one by one. */
INLINE void NAME_dense(const int8_t *weights, const float *scales, const float *biases,
    int inputs, int units, const int8_t *q, float *y)
{
    int unit = 0;
    for (; unit + 4 <= units; unit += 4) {
        const int8_t *w0 = weights, *w1 = w0 + inputs, *w2 = w1 + inputs, *w3 = w2 + inputs;
        int32_t sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
        for (int i = 0; i < inputs; ++i) {
            sum0 += w0[i] * q[i];
            sum1 += w1[i] * q[i];
            sum2 += w2[i] * q[i];
            sum3 += w3[i] * q[i];
        }
        y[unit] = scales[unit] * (float)sum0 + biases[unit];
        y[unit + 1] = scales[unit + 1] * (float)sum1 + biases[unit + 1];
        y[unit + 2] = scales[unit + 2] * (float)sum2 + biases[unit + 2];
        y[unit + 3] = scales[unit + 3] * (float)sum3 + biases[unit + 3];
        weights = w3 + inputs;
    }
    for (; unit < units; ++unit) {
        int32_t sum = 0;
        for (int i = 0; i < inputs; ++i)
            sum += weights[i] * q[i];
        y[unit] = scales[unit] * (float)sum + biases[unit];
        weights += inputs;
    }
}
"""

LARGEST = """
/* The number of the largest output, the first of equal ones. */
INLINE int NAME_largest(const float *y, int n)
{
    int largest = 0;
    for (int i = 1; i < n; ++i)
        if (y[i] > y[largest])
            largest = i;
    return largest;
}
"""

UNITWISE = """
INLINE void NAME_ACTIVATION(float *z, int n)
{
    for (int i = 0; i < n; ++i)
        z[i] = VALUE;
}
"""

ACTIVATIONS = {
    "sigmoid": "1.0f / (1.0f + expf(-z[i]))",
    "tanh": "tanhf(z[i])",
    "relu": "z[i] < 0.0f ? 0.0f : z[i]",
    "leaky_relu": "z[i] < 0.0f ? 0.01f * z[i] : z[i]",
    "elu": "z[i] < 0.0f ? expm1f(z[i]) : z[i]",
    "gelu": "0.5f * z[i] * erfcf(-0.707106781f * z[i])",
    "silu": "z[i] / (1.0f + expf(-z[i]))",
    "softplus": "(z[i] < 0.0f ? 0.0f : z[i]) + log1pf(expf(-fabsf(z[i])))",
    "selu": "z[i] < 0.0f ? 1.75809934f * expm1f(z[i]) : 1.05070099f * z[i]",
    "relu6": "z[i] < 0.0f ? 0.0f : (z[i] > 6.0f ? 6.0f : z[i])",
    "mish": "z[i] * tanhf((z[i] < 0.0f ? 0.0f : z[i]) + log1pf(expf(-fabsf(z[i]))))",
    "gelu_tanh": "z[i] / (1.0f + expf(z[i] * (-0.0713548163f * z[i] * z[i] - 1.59576912f)))",
    "exponential": "expf(z[i])",
    "step": "z[i] > 0.0f ? 1.0f : 0.0f",
}

SOFTMAX = """
INLINE void NAME_softmax(float *z, int n)
{
    float largest = z[0], sum = 0.0f;
    for (int i = 1; i < n; ++i)
        largest = z[i] > largest ? z[i] : largest;
    for (int i = 0; i < n; ++i) {
        z[i] = expf(z[i] - largest);
        sum += z[i];
    }
    for (int i = 0; i < n; ++i)
        z[i] /= sum;
}
"""
