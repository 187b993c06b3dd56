"""onnxruntime: prediction from a model of Gemm nodes."""

from __future__ import annotations

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from peers import NotTaken, Task
from workloads import Array, Problem

NODES = {"relu": "Relu", "sigmoid": "Sigmoid", "softmax": "Softmax"}


def prepare(problem: Problem, threads: int) -> Task:
    if not problem.workload.predicts:
        raise NotTaken("it only predicts")
    kind = PredictRow if problem.workload.epoch_rows == 1 else Predict
    return kind(problem, threads)


class Predict(Task):
    def __init__(self, problem: Problem, threads: int) -> None:
        self.given = problem.weights, problem.biases
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.session = onnxruntime.InferenceSession(
            model(problem), options, providers=["CPUExecutionProvider"]
        )
        self.x = problem.x[: problem.workload.epoch_rows]

    def work(self) -> None:
        self.session.run(None, {"x": self.x})

    def parameters(self) -> tuple[list[Array], list[Array]]:
        return self.given


class PredictRow(Predict):
    """Uses buffers that are bound once, which halves the time for one row."""

    def __init__(self, problem: Problem, threads: int) -> None:
        super().__init__(problem, threads)
        outputs = np.zeros((1, problem.workload.sizes[-1]), self.x.dtype)
        self.bound_x, self.bound_y = (
            onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in (self.x, outputs)
        )
        self.binding = self.session.io_binding()
        self.binding.bind_ortvalue_input("x", self.bound_x)
        self.binding.bind_ortvalue_output("y", self.bound_y)

    def work(self) -> None:
        self.bound_x.update_inplace(self.x)
        self.session.run_with_iobinding(self.binding)
        self.bound_y.numpy()


def model(problem: Problem) -> bytes:
    """The network as an ONNX file's bytes."""
    workload, last = problem.workload, len(problem.weights) - 1
    nodes, tensors, below = [], [], "x"
    for i, (w, b) in enumerate(zip(problem.weights, problem.biases, strict=True)):
        tensors += [numpy_helper.from_array(w, f"w{i}"), numpy_helper.from_array(b, f"b{i}")]
        nodes.append(helper.make_node("Gemm", [below, f"w{i}", f"b{i}"], [f"z{i}"], transB=1))
        activation = NODES[workload.output if i == last else workload.hidden]
        below = "y" if i == last else f"a{i}"
        nodes.append(helper.make_node(activation, [f"z{i}"], [below]))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size])
        for name, size in (("x", workload.sizes[0]), ("y", workload.sizes[-1]))
    ]
    graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], tensors)
    opset = [helper.make_opsetid("", 17)]
    built: bytes = helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()
    return built
