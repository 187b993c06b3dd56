"""
Words as sparse rows
====================

A text as counts of its words has thousands of columns, nearly all of them zero. A scipy sparse matrix
is trained on as it is: only what is there costs time.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.feature_extraction.text import TfidfVectorizer

import nncore

# %%
# Two thousand invented reviews. Some words lean to one side, most say nothing, and "not" turns the
# word behind it around.

rng = np.random.default_rng(0)
good, bad = ["lovely", "crisp", "kind", "bright"], ["dull", "broken", "rude", "stale"]
filler = np.array([f"word{i}" for i in range(3_000)])


def review(label):
    words = list(rng.choice(filler, 25))
    for _ in range(3):
        turned = rng.random() < 0.3
        side = good if label != turned else bad
        words.insert(rng.integers(len(words)), ("not " if turned else "") + rng.choice(side))
    return " ".join(words)


y = rng.integers(0, 2, 2_000)
texts = [review(label) for label in y]
print(texts[0][:70] + " ...")

# %%
# Single words and pairs, as a sparse matrix. The penalty keeps words that were seen once from being
# learnt by heart.

for pairs in ((1, 1), (1, 2)):
    vectors = TfidfVectorizer(ngram_range=pairs, min_df=2).fit_transform(texts)
    net = nncore.Network([vectors.shape[1], 16, 1], activation="relu", cost="cross_entropy", seed=1)
    net.fit(vectors[:1500], y[:1500], 15, optimizer="adam", learning_rate=0.003, l2=1.0)
    density = vectors.nnz / np.prod(vectors.shape)
    accuracy = net.evaluate(vectors[1500:], y[1500:]).accuracy
    print(
        f"up to {pairs[1]} words: {vectors.shape[1]:5} columns, {density:.2%} filled, {accuracy:.3f}"
    )

# %%
# How far a text is from the border, for texts of both kinds:

outputs = net.feedforward(vectors[1500:])[:, 0]
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
for label, colour in ((0, "#e0823d"), (1, "#2a6f97")):
    ax.hist(
        outputs[y[1500:] == label],
        bins=30,
        range=(0, 1),
        alpha=0.6,
        color=colour,
        label=("bad", "good")[label],
    )
ax.set(xlabel="output", ylabel="texts")
ax.legend()
plt.show()
