"""`nncore.Network`: a dense feedforward network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from nncore._model import Model
from nncore._support.evaluation import Evaluation
from nncore._support.parameters import Parameters
from nncore.history import History

if TYPE_CHECKING:
    from nncore import optimizers, schedules
    from nncore.augment import Augmentation
    from nncore.callbacks import Callback
    from nncore.data.blocks import Blocks
    from nncore.diagnosis import Diagnosis
    from nncore.distributed.worlds import Split, World
    from nncore.metrics import Metric
    from nncore.training.samples import ClassWeight

__all__ = ["Evaluation", "Network", "Parameters"]


class Network(Model):
    """A dense feedforward network (multi-layer perceptron).

    Args:
        sizes: units of every layer, the inputs first; two layers or more.
        activation: of the hidden layers, or a list with a name for each of them: "sigmoid",
            "tanh", "relu", "leaky_relu" (of slope 0.01), "relu6", "elu", "selu", "gelu",
            "gelu_tanh" (its approximation by tanh), "silu", "mish", "softplus", "linear",
            "exponential", or "step" (the perceptron), which predicts but cannot be trained.
        output_activation: of the last layer: one of those, or "softmax". None is "linear" for
            the costs "pinball" and "gaussian", "softmax" for "focal", else "sigmoid".
        cost: what training minimises: "quadratic", "cross_entropy" (sigmoid outputs),
            "log_likelihood" (softmax outputs), "mean_absolute", "huber", "poisson" (exponential
            outputs), "pinball" (quantiles), "gaussian" (means and variances), "focal" (softmax
            outputs) or "binary_focal" (sigmoid outputs); one of `nncore.costs`, which have numbers
            such as label smoothing; or a callable of one's own, as described there.
        initializer: the initial parameters: "normal" (the book's chapter 1), "scaled"
            (chapter 3), "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "zeros",
            a list with a name for each layer but the inputs, or given arrays as (weights,
            biases). "auto" goes by each layer's activation: he_normal for relu and its like,
            glorot_uniform for the others.
        dtype: "float32" or "float64".
        seed: fixes the parameters, every shuffle and every dropout.

    Raises:
        ValueError, TypeError: an argument is wrong, or a cost and an output activation do not go
            together; the message lists what does.

    Inputs x are (n, sizes[0]), of any real dtype and memory order, a `nncore.data.Scaled` array of
    uint8 or float16, or a scipy sparse matrix.
    Any number of threads may ask one network at once, and may train two networks at once; a
    network that is being trained refuses what other threads ask of it with BusyError.

    >>> import nncore
    >>> net = nncore.Network([784, 30, 10], activation="relu", output_activation="softmax",
    ...                      cost="log_likelihood", seed=1)
    >>> net
    Network([784, 30, 10], activation=['relu'], output_activation='softmax', cost='log_likelihood', dtype='float32', seed=1)
    """  # noqa: E501

    def fit(
        self,
        x: Any,
        y: ArrayLike | None = None,
        epochs: int = 30,
        batch_size: int = 10,
        learning_rate: float | schedules.Schedule | None = None,
        *,
        optimizer: str | optimizers.Optimizer = "sgd",
        l2: float = 0.0,
        l1: float = 0.0,
        dropout: float | Sequence[float] = 0.0,
        max_norm: float | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        frozen: Iterable[int] = (),
        layer_rates: Sequence[float] | None = None,
        bias_rate: float = 1.0,
        validation_data: Sequence[Any] | Blocks | None = None,
        validation_split: float = 0.0,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        class_weight: ClassWeight = None,
        penalty_rows: int | None = None,
        metrics: Iterable[str | Metric] | Mapping[str, str | Metric] | None = None,
        callbacks: Iterable[Callback] | None = None,
        shuffle: bool = True,
        augment: Augmentation | None = None,
        initial_epoch: int | None = None,
        n_threads: int | None = None,
        lanes: int | None = None,
        world: World | Split | None = None,
        progress: bool | str = "auto",
    ) -> History:
        """Trains with mini-batches, and returns what each epoch measured.

        Everything is checked before any work is done. Training again goes on from where the network
        stands: `fit` for 10 epochs and then for 20 is `fit` for 30, to the last bit, as long as the
        optimiser and its hyperparameters are the same, and the rate is a number: schedules begin
        anew with each call, and the optimiser's memory does with other hyperparameters. An epoch
        that Ctrl-C ended goes on with the mini-batches that remain, as long as there are as many
        rows in mini-batches of the same size.

        Args:
            x: (n, sizes[0]) numbers of any real dtype and order, or a scipy sparse matrix. Read
                without a copy where it is C-contiguous in the network's dtype, in uint8 or in
                float16; `nncore.data.Scaled` scales the latter two as they are read.
                Or `nncore.data.Blocks`, which bring their y, for rows that do not fit into memory;
                only the validation data are then measured by the metrics.
            y: integer labels (n,), or targets (n, sizes[-1]); (n,) will do for one output.
            epochs: how many to train; with `initial_epoch`, the number to train up to.
            batch_size: rows in a mini-batch; the last one of an epoch may be shorter.
            learning_rate: a number, one of `nncore.schedules`, or any callable(epoch) -> rate,
                whose epochs are counted from this call, or from where a resumed run began. None is
                the optimiser's own default; for "sgd" with sigmoid outputs and the quadratic cost
                that is 3.0, as in the book's chapter 1.
            optimizer: a name or one of `nncore.optimizers`.
            l2, l1: penalties l2 / (2 n) |w|^2 and l1 / n |w|_1 on the weights, where n is the
                number of training rows (the book's lambda, equations 85 and 95).
            penalty_rows: that n, where x is only a part of the rows: the number of all.
            dropout: the probability that a hidden unit is dropped in a mini-batch; or a list with
                a rate for the inputs and for each hidden layer.
            max_norm: bound of the norm of each unit's incoming weights.
            clip_norm, clip_value: bounds of the gradient's norm and of each of its elements.
            frozen: numbers of the layers that stay as they are, 0 being the first behind the
                inputs and -1 the last.
            layer_rates: a factor of the learning rate for each layer but the inputs; 0 freezes it.
            bias_rate: a factor of the learning rate for all biases.
            validation_data: (x, y) or (x, y, sample_weight), measured after every epoch. Or
                `nncore.data.Blocks`, of which a window at a time is in memory, for metrics all
                outputs and targets too. One window measures the bits of arrays; over several the
                cost and a weighted accuracy may differ in their last digits.
            validation_split: this fraction of the rows, taken from the end, in its place.
            X_val, y_val: x and y of validation_data by the names that scikit-learn's pipelines use.
            sample_weight: (n,), how much each row counts.
            class_weight: a dict from label to weight, or "balanced" for n / (classes * count).
            metrics: names from `nncore.metrics`, or callables(y_true, outputs), measured after
                every epoch on all training and validation rows, by sample_weight where they take
                it. A dict gives them names.
            callbacks: of `nncore.callbacks`, called in their order, those that save last.
            shuffle: whether rows come in a new order each epoch, drawn from the network's seed.
            augment: distorts the rows, which are images then, anew in each epoch, as in
                `nncore.augment.Elastic() + Affine(rotation=15)`. x stays as it is, and so do the
                rows that are measured. Sparse rows are refused, and those of a `world.split`.
            initial_epoch: the number of the next epoch. With net.epoch, a run that was resumed ends
                where it would have ended, its learning rates those of the whole run.
            n_threads: the most threads to use; None for `nncore.set_num_threads`'s.
            lanes: into how many parts each mini-batch is cut, whose gradients are made on their own
                and added in an order of their own, by threads or ranks; bits depend on it. 0 lets
                the library cut some mini-batches, by shapes alone. None is what training was begun
                with: 0, with a world 8.
            world: of `nncore.distributed`, where several processes train one network.
            progress: a progress bar (tqdm): True, False, or "auto" for one on terminals and in
                notebooks.

        Returns:
            The epochs of this call, as `History` describes them; `net.history` has those of earlier
            calls too, of which it keeps the last 1,000.

        Raises:
            ValueError, TypeError: an argument is wrong; the message says what was expected.
            DataError: a block cannot be read or does not fit; the message names it.
            DivergenceError: training left the finite numbers; the network keeps its last finite
                epoch, with Blocks its last finite window. A smaller learning rate may help.
            BusyError: the network is being trained already, or another thread is asking it for a
                prediction as an epoch begins.
            KeyboardInterrupt: Ctrl-C, after the current mini-batch; the network can be used, and
                its `history` has the epochs that were finished.

        >>> import numpy as np, nncore
        >>> x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
        >>> net = nncore.Network([2, 4, 1], activation="tanh", seed=1, cost="cross_entropy")
        >>> history = net.fit(x, [0, 1, 1, 0], 300, batch_size=4, learning_rate=2.0)
        >>> net.predict(x)
        array([0, 1, 1, 0])
        """
        from nncore.training.fit import fit  # which a program that only predicts does without

        return fit(
            self,
            x,
            y,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            optimizer=optimizer,
            l2=l2,
            l1=l1,
            dropout=dropout,
            max_norm=max_norm,
            clip_norm=clip_norm,
            clip_value=clip_value,
            frozen=frozen,
            layer_rates=layer_rates,
            bias_rate=bias_rate,
            validation_data=validation_data,
            validation_split=validation_split,
            X_val=X_val,
            y_val=y_val,
            sample_weight=sample_weight,
            class_weight=class_weight,
            penalty_rows=penalty_rows,
            metrics=metrics,
            callbacks=callbacks,
            shuffle=shuffle,
            augment=augment,
            initial_epoch=initial_epoch,
            n_threads=n_threads,
            lanes=lanes,
            world=world,
            progress=progress,
        )

    def calibrate(self, x: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Scales the outputs by a temperature: probabilities are then right as often as they say.

        Temperature scaling (Guo et al. 2017), for softmax and sigmoid outputs: what goes into the
        outputs is divided by the one number of least log-loss on these rows, which training must
        not have seen. It is put into the last layer's weights and biases, and so is kept in every
        file; no row's class changes. `evaluate(..., calibration=True)` measures before and after.

        Args:
            x, y: as in `fit`; y are classes.
            sample_weight: (n,), how much each row counts.

        Returns:
            The temperature: above 1 where the network was too sure.

        Raises:
            ValueError: the outputs are no probabilities, or y no classes.
            BusyError: the network is being trained.

        >>> import numpy as np, nncore
        >>> x, y = np.array([[1.0], [1.0], [-1.0], [1.0]]), [1, 1, 0, 0]
        >>> net = nncore.Network([1, 1], initializer=([[[9.0]]], [[0.0]]))
        >>> net.calibrate(x, y) > 3, f"{net.feedforward([[1.0]])[0, 0]:.1f}"
        (True, '0.7')
        """
        from nncore._support.temperature import calibrate

        return calibrate(self, x, y, sample_weight)

    def diagnose(
        self,
        x: Any,
        y: ArrayLike,
        *,
        learning_rate: float | None = None,
        optimizer: str | optimizers.Optimizer = "sgd",
        batch_size: int = 10,
        validation_data: Sequence[Any] | None = None,
        columns: Sequence[str] | None = None,
        rows: int = 2_000,
    ) -> Diagnosis:
        """Looks for what keeps this network from learning these rows, before or after training.

        Inputs out of scale, by name; inputs that occur with several labels; validation rows that
        are training rows; dead, saturated and identical units; vanishing gradients; and a rate too
        high or too low, by short trials on copies. The network stays as it is.

        Args:
            x, y: as in `fit`; a data frame's columns are named.
            learning_rate, optimizer, batch_size: as `fit` will have them, or had.
            validation_data: (x, y), searched for rows of x.
            columns: the inputs' names.
            rows: how many rows, drawn at random, units and trials see. Labels are compared in all.

        >>> import numpy as np, nncore
        >>> x = np.random.default_rng(0).normal([0.0, 5000.0], [1.0, 900.0], (500, 2))
        >>> net = nncore.Network([2, 8, 1], cost="cross_entropy", seed=1)
        >>> net.diagnose(x, x[:, 0] > 0, columns=["age", "income"]).kinds()
        ['unscaled', 'saturated units']

        Raises:
            ValueError, TypeError: as `fit`.
        """
        from nncore.diagnosis import diagnose

        settings = {
            "learning_rate": learning_rate, "optimizer": optimizer, "batch_size": batch_size
        }  # fmt: skip
        return diagnose(
            self, x, y, columns=columns, validation_data=validation_data, rows=rows, fit=settings
        )
