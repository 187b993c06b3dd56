"""
What hidden units look for
==========================

A hidden unit of the first layer has one weight a pixel: its weights are an image. Blue pixels speak
for the unit, red ones against it.
"""

from matplotlib import pyplot as plt

import nncore
from nncore import plot

data = nncore.datasets.load_digits(n_train=4_000, n_validation=500, n_test=500, seed=1)

# %%
# Without a penalty the images are noisy: pixels that are nearly always blank keep the weights that
# they were drawn with.

plain = nncore.Network([784, 16, 10], cost="cross_entropy", seed=1)
plain.fit(*data.train, 10, learning_rate=0.5)
print(plain.evaluate(*data.test).accuracy)
plot.WeightsDisplay.from_estimator(plain)
plt.show()

# %%
# Weight decay takes away what no gradient holds: strokes are left, and places where strokes must not
# be.

decayed = nncore.Network([784, 16, 10], cost="cross_entropy", seed=1)
decayed.fit(*data.train, 10, learning_rate=0.5, l2=2.0)
print(decayed.evaluate(*data.test).accuracy)
plot.WeightsDisplay.from_estimator(decayed)
plt.show()
