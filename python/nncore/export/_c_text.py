"""The parts of the C files that `to_c` writes: NAME, INLINE and the like are filled in there."""

HEAD = """\
/* <FILE>: a neural network in <DTYPE>, written by nncore <VERSION>.
 *
 *   layer  inputs   units  activation
<TABLE>
 *
 * <NAME>_feedforward(x, y) reads <MACRO>_INPUTS floats from x and writes <MACRO>_OUTPUTS floats
 * to y; the two may not overlap. It allocates nothing and keeps nothing from call to call, so that
 * threads may call it at once, and its arrays take <STACK> bytes of stack. C99; link with -lm.
 */
"""

DENSE_FLOAT32 = """
/* y = weights x + biases, summed in blocks and with fused multiply-adds as nncore does; where the
 * processor has them, let the compiler know (for x86-64: -mfma). */
INLINE void NAME_dense(const float *weights, const float *biases, int inputs, int units,
    const float *x, float *y)
{
    for (int unit = 0; unit < units; ++unit) {
        y[unit] = biases[unit];
        for (int i = 0; i < inputs;) {
            const int end = inputs - i > 256 ? i + 256 : inputs;
            float sum = 0.0f;
            for (; i < end; ++i)
                sum = fmaf(weights[i], x[i], sum);
            y[unit] += sum;
        }
        weights += inputs;
    }
}
"""
"""256 is `sum_block` of the core's kernels (cpp/src/kernels/kernels.hpp)."""

QUANTIZE = """
/* The nearest of 255 levels around 0; what lies beyond them is cut off. */
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
/* y = scales (weights q) + biases; the sums are exact in 32 bits. */
INLINE void NAME_dense(const int8_t *weights, const float *scales, const float *biases,
    int inputs, int units, const int8_t *q, float *y)
{
    for (int unit = 0; unit < units; ++unit) {
        int32_t sum = 0;
        for (int i = 0; i < inputs; ++i)
            sum += weights[i] * q[i];
        y[unit] = scales[unit] * (float)sum + biases[unit];
        weights += inputs;
    }
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
