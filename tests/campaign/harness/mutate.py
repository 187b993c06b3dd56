"""Damages files: their bytes, and the structures of their formats."""

from __future__ import annotations

import ast
import gzip
import io
import json
import random
import struct
import warnings
import zipfile
import zlib
from typing import Any

INTEGERS = [
    0, 1, -1, 2, 7, 8, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32,
    2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**31), -(2**63), 10**30,
]  # fmt: skip
NUMBERS = [*INTEGERS, 0.0, -0.0, 1e-320, 1e38, 3.5e38, 1e308, 0.1, float("nan"), float("inf")]


def bytes_of(rng: random.Random, data: bytes) -> bytes:
    """Changes, removes, inserts or repeats a few bytes."""
    found = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        at = rng.randrange(len(found) + 1)
        size = rng.choice([1, 1, 2, 4, 8, 64])
        kind = rng.randrange(7)
        if kind == 0 and at < len(found):
            found[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(found):
            found[at] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
        elif kind == 2:
            del found[at : at + size]
        elif kind == 3:
            found[at:at] = rng.randbytes(size)
        elif kind == 4:
            start = rng.randrange(len(found) + 1)
            found[at:at] = found[start : start + size]
        elif kind == 5:
            number = rng.choice(INTEGERS) % 2 ** (8 * rng.choice([2, 4, 8]))
            packed = number.to_bytes(8, rng.choice(["little", "big"]))[: rng.choice([2, 4, 8])]
            found[at : at + len(packed)] = packed
        else:
            del found[at:]
    return bytes(found)


def value_of(rng: random.Random, value: Any, words: list[Any]) -> Any:
    """Another value: near the old one, of another type, or a keyword of the format."""
    kind = rng.randrange(8)
    if kind == 0:
        return rng.choice(words) if words else None
    if kind == 1:
        return rng.choice([None, True, False, "", [], {}, "\x00", "é" * 40, [[]], -1.5])
    if kind == 2 and isinstance(value, (int, float)) and not isinstance(value, bool):
        return value + rng.choice([-1, 1, 8, -8, 1000])
    if kind == 3:
        return rng.choice(NUMBERS)
    if kind == 4 and isinstance(value, str) and value:
        at = rng.randrange(len(value))
        return value[:at] + rng.choice(["", "0", "-", ",", "e9", " ", "\ud800"]) + value[at + 1 :]
    if kind == 5 and isinstance(value, list):
        return value * 2 if rng.random() < 0.5 else value[:-1]
    if kind == 6:
        return [value]
    return str(value)


def tree_of(rng: random.Random, tree: Any, words: list[Any]) -> Any:
    """A tree of dicts and lists with one place in it changed."""
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        keys = node.keys() if isinstance(node, dict) else range(len(node))
        for key in list(keys)[:50]:
            places.append((node, key))
            if isinstance(node[key], (dict, list)):
                walk(node[key])

    holder = [json.loads(json.dumps(tree))]
    walk(holder)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        node, key = rng.choice(places)
        kind = rng.randrange(6)
        try:
            if kind == 0 and isinstance(node, dict):
                node[str(rng.choice([key, *words, "", "x"]))] = node.pop(key)
            elif kind == 1:
                del node[key]
            elif kind == 2 and isinstance(node, list) and len(node) > 1:
                rng.shuffle(node)
            elif kind == 3:
                node[key] = rng.choice(places)[0]
                json.dumps(holder)  # raises for cycles
            else:
                node[key] = value_of(rng, node[key], words)
        except (KeyError, IndexError, ValueError, RecursionError):
            holder = [json.loads(json.dumps(tree))]
            return holder[0]
    return holder[0] if holder else None


def json_text(rng: random.Random, tree: Any) -> bytes:
    text = json.dumps(tree, ensure_ascii=rng.random() < 0.5)
    if rng.random() < 0.05:
        depth = rng.choice([10, 1000, 100_000])
        text = text.replace("0", "[" * depth + "]" * depth, 1)
    if rng.random() < 0.1:
        text = text.replace("1", rng.choice(["1" * 5000, "1e999", "01", "+1", "1."]), 1)
    return text.encode("utf-8", "surrogatepass")


def tensors_of(rng: random.Random, data: bytes, words: list[Any]) -> bytes:
    """A safetensors file with another header, or other data behind it."""
    (size,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    kind = rng.randrange(8)
    if kind == 0 and "checkpoint" in header.get("__metadata__", {}):
        inner = json.loads(header["__metadata__"]["checkpoint"])
        header["__metadata__"]["checkpoint"] = json.dumps(tree_of(rng, inner, words))
    elif kind == 1:
        body = bytes_of(rng, body)
    elif kind == 2:
        bad = struct.pack(rng.choice(["<f", "<d"]), rng.choice([float("nan"), float("inf"), 1e38]))
        at = 4 * rng.randrange(len(body) // 4)
        body = body[:at] + bad + body[at + len(bad) :]
    else:
        header = tree_of(rng, header, words)
    text = json_text(rng, header)
    text += b" " * (-len(text) % 8)
    said = len(text) if rng.random() < 0.95 else rng.choice(INTEGERS) % 2**64
    return struct.pack("<Q", said) + text + body


def idx_of(rng: random.Random, data: bytes) -> bytes:
    """An IDX file with another header, often compressed."""
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    found = bytearray(data)
    for _ in range(rng.choice([1, 1, 2])):
        kind = rng.randrange(4)
        if kind == 0:
            found[2] = rng.choice([8, 9, 11, 12, 13, 14, 0, 255])
        elif kind == 1:
            found[3] = rng.choice([0, 1, 2, 3, 4, 32, 255])
        elif kind == 2 and len(found) > 8:
            at = 4 + 4 * rng.randrange(max(found[3], 1))
            found[at : at + 4] = struct.pack(">I", rng.choice(INTEGERS) % 2**32)
        else:
            found = bytearray(bytes_of(rng, bytes(found)) or b"\0\0\x08\x01")
            found += bytes(max(4 - len(found), 0))
    if rng.random() < 0.6:
        return bytes(found)
    packed = gzip.compress(bytes(found), mtime=0)
    return bytes_of(rng, packed) if rng.random() < 0.5 else packed


def zip_of(rng: random.Random, data: bytes) -> bytes:
    """An .npz with other members: names, headers of arrays, contents, compression."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        names = old.namelist()
        chosen = rng.randrange(len(names))
        for i, name in enumerate(names):
            content = old.read(name)
            if i == chosen:
                kind = rng.randrange(5)
                if kind == 0:
                    continue
                if kind == 1:
                    name = rng.choice([*names, "x", "../x.npy", "weights_99.npy", ""])
                elif kind == 2:
                    content = bytes_of(rng, content)
                else:
                    content = npy_of(rng, content)
            method = rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # two members of the same name are intended
                new.writestr(zipfile.ZipInfo(name), content, method)
    found = out.getvalue()
    return bytes_of(rng, found) if rng.random() < 0.2 else found


def npy_of(rng: random.Random, data: bytes) -> bytes:
    """An array's file with another dtype or shape in its header."""
    if data[:6] != b"\x93NUMPY":
        return bytes_of(rng, data)
    (size,) = struct.unpack("<H", data[8:10])
    header = ast.literal_eval(data[10 : 10 + size].decode())
    body = data[10 + size :]
    kind = rng.randrange(4)
    if kind == 0:
        header["descr"] = rng.choice(["<f4", ">f8", "<i8", "|O", "<U9", "|S3", "<c16", "|b1", "<f2",
                                      "<M8[s]", "|V4", "x"])  # fmt: skip
    elif kind == 1:
        shape = [*header["shape"], 1]
        shape[rng.randrange(len(shape))] = rng.choice(INTEGERS)
        header["shape"] = tuple(shape[: rng.choice([len(shape), len(shape) - 1])])
    elif kind == 2:
        header["fortran_order"] = rng.choice([True, False, 1, None])
    else:
        body = bytes_of(rng, body)
    text = repr(header).encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return data[:8] + struct.pack("<H", len(text) % 65536) + text + body


def png_of(rng: random.Random, data: bytes) -> bytes:
    """A picture with changed chunks and valid checksums."""
    if data[:4] != b"\x89PNG":
        return bytes_of(rng, data)
    out, at = bytearray(data[:8]), 8
    while at + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        content = data[at + 8 : at + 8 + size]
        if rng.random() < 0.4:
            if kind == b"IHDR" and rng.random() < 0.7:
                field = bytearray(content)
                spot = rng.choice([0, 4, 8, 9, 10, 11, 12])
                if spot < 8:
                    field[spot : spot + 4] = struct.pack(">I", rng.choice([0, 1, 29, 5000, 2**31]))
                else:
                    field[spot] = rng.choice([0, 1, 2, 3, 4, 6, 8, 16, 255])
                content = bytes(field)
            else:
                content = bytes_of(rng, content)
        out += struct.pack(">I", len(content)) + kind + content
        out += struct.pack(">I", zlib.crc32(kind + content))
        at += 12 + size
    return bytes(out)
