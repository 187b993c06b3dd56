"""ONNX files, checked before anything in them is followed, and parts of their graphs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from nncore._support.files import open_file, read_file

_MOST_NODES = 5_000
"""The most operators of a model, with functions expanded; large dense networks have hundreds."""


class UnsupportedModel(Exception):
    """The graph is not a network of nncore's; the message says which operator it fails at."""


def load(onnx: Any, name: str) -> Any:
    """The model in a file, with constants from other files, and its functions inlined."""
    model = onnx.load_model_from_string(read_file(name))
    folder = os.path.dirname(name)
    attributes = [attribute for node in model.graph.node for attribute in node.attribute]
    tensors = [*model.graph.initializer, *(attribute.t for attribute in attributes)]
    for tensor in tensors:  # some may lie in other files
        for entry in tensor.external_data:
            if entry.key == "location":
                open_file(os.path.join(folder, entry.value)).close()
    onnx.load_external_data_for_model(model, folder)
    onnx.checker.check_model(model)
    _check_nodes(model)
    return onnx.inliner.inline_local_functions(model) if model.functions else model


def _check_nodes(model: Any) -> None:
    """Refuses more operators than can be read quickly; a function may call functions."""
    bodies = {(each.domain, each.name): each.node for each in model.functions}
    known: dict[tuple[str, str], int] = {}
    open_calls: set[tuple[str, str]] = set()

    def count(nodes: Any) -> int:
        total = 0
        for node in nodes:
            total += called((node.domain, node.op_type))
            for attribute in node.attribute:
                total += sum(count(graph.node) for graph in [attribute.g, *attribute.graphs])
            if total > _MOST_NODES:
                raise UnsupportedModel(f"it has more than {_MOST_NODES:,} operators")
        return total

    def called(name: tuple[str, str]) -> int:
        if name not in bodies:
            return 1
        if name in open_calls:
            raise UnsupportedModel(f"its function {name[1]} calls itself")
        if name not in known:
            open_calls.add(name)
            known[name] = max(1, count(bodies[name]))
            open_calls.remove(name)
        return known[name]

    count(model.graph.node)


def nodes_between(nodes: Sequence[Any], tensor: str, start: str) -> list[Any]:
    """The nodes that compute `tensor` from `start`, in order."""
    wanted, chosen = {tensor}, []
    for node in reversed(nodes):
        if (wanted - {start}) & set(node.output):
            chosen.append(node)
            wanted |= set(node.input)
    return chosen[::-1]


def text_of(node: Any) -> str:
    """What errors call a node."""
    domain = f"{node.domain}." if node.domain else ""
    return f"the operator {domain}{node.op_type}" + (f" ({node.name})" if node.name else "")
