"""
A search with scikit-learn
==========================

:class:`nncore.sklearn.MLPClassifier` goes into pipelines and searches like any estimator.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_wine
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nncore.sklearn import MLPClassifier

x, y = load_wine(return_X_y=True)

# %%
# Two settings, five folds.

model = make_pipeline(
    StandardScaler(),
    MLPClassifier((16,), learning_rate_init=0.02, max_iter=1_000, random_state=0),
)
grid = {
    "mlpclassifier__alpha": [1e-4, 1e-2, 1e-0, 1e1],
    "mlpclassifier__dropout": [0.0, 0.2, 0.5],
}
search = GridSearchCV(model, grid, cv=5).fit(x, y)
print(f"{search.best_score_:.3f}", search.best_params_)

# %%
# The whole grid as a picture.

scores = search.cv_results_["mean_test_score"].reshape(4, 3)
figure, ax = plt.subplots(figsize=(5, 3.6), layout="constrained")
shown = ax.imshow(scores, cmap="Blues", vmin=scores.min() - 0.02)
ax.set(
    xticks=range(3),
    xticklabels=grid["mlpclassifier__dropout"],
    xlabel="dropout",
    yticks=range(4),
    yticklabels=grid["mlpclassifier__alpha"],
    ylabel="alpha",
)
for place, score in np.ndenumerate(scores):
    ax.text(*place[::-1], f"{score:.3f}", ha="center", va="center", color="#e0823d")
plt.show()
