// The numbers behind the equations, without a page.

/** The terms of a weighted sum that are not 0, largest first: { k, weight, a, value }. */
export function sumTerms(weights, a) {
  const terms = [];
  for (let k = 0; k < weights.length; k++) {
    const value = weights[k] * a[k];
    if (value !== 0) terms.push({ k, weight: weights[k], a: a[k], value });
  }
  return terms.sort((p, q) => Math.abs(q.value) - Math.abs(p.value));
}

/** sigma'(z) by the activation itself, where that says it; null where it does not. */
export function slope(activation, z, a) {
  if (activation === "sigmoid") return a * (1 - a);
  if (activation === "tanh") return 1 - a * a;
  if (activation === "relu") return z > 0 ? 1 : 0;
  return activation === "linear" ? 1 : null;
}

/** Whether the output's error is a - y: a cost that belongs to its outputs' activation. */
export function isMatched(cost, activation) {
  return (
    (cost === "cross_entropy" && activation === "sigmoid") ||
    (cost === "log_likelihood" && activation === "softmax") ||
    (cost === "quadratic" && activation === "linear")
  );
}

/** The number of the value that is furthest from 0. */
export function largest(values) {
  let best = 0;
  for (let k = 1; k < values.length; k++) if (Math.abs(values[k]) > Math.abs(values[best])) best = k;
  return best;
}
