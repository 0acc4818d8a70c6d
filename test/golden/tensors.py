"""Reads and writes safetensors files with numpy alone.

bf16 has no numpy type: it is read as f32 (exactly), and written from f32 by
rounding to nearest even.
"""

import json
import pathlib
import struct

import numpy as np

_NUMPY = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U8": np.uint8,
    "BOOL": np.bool_,
}


def to_bf16_bits(x):
    """The bf16 nearest to each f32 of `x` (ties to even), as uint16."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    rounded = bits + 0x7FFF + ((bits >> 16) & 1)
    return (rounded >> 16).astype(np.uint16)


def from_bf16_bits(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


def round_to(x, dtype):
    """`x` as a checkpoint of safetensors dtype `dtype` would hold it, in f32."""
    if dtype == "BF16":
        return from_bf16_bits(to_bf16_bits(x))
    return np.asarray(x).astype(_NUMPY[dtype]).astype(np.float32)


def read_header(path):
    """(entries, byte offset of the data section) of one file."""
    with open(path, "rb") as f:
        (length,) = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(length))
    header.pop("__metadata__", None)
    return header, 8 + length


def read(path):
    """Every tensor of one file, by name; bf16 comes widened to f32."""
    header, start = read_header(path)
    data = np.memmap(path, np.uint8, "r")
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        raw = bytes(data[start + begin : start + end])
        if entry["dtype"] == "BF16":
            array = from_bf16_bits(np.frombuffer(raw, "<u2"))
        else:
            array = np.frombuffer(raw, np.dtype(_NUMPY[entry["dtype"]]))
        tensors[name] = array.reshape(entry["shape"])
    return tensors


def read_checkpoint(folder):
    """Every tensor of a checkpoint folder, single file or sharded."""
    folder = pathlib.Path(folder)
    index = folder / "model.safetensors.index.json"
    if not index.exists():
        return read(folder / "model.safetensors")
    tensors = {}
    files = set(json.loads(index.read_text())["weight_map"].values())
    for file in sorted(files):
        tensors.update(read(folder / file))
    return tensors


def encode(array, dtype):
    if dtype == "BF16":
        return to_bf16_bits(array).tobytes()
    return np.ascontiguousarray(array).astype(_NUMPY[dtype]).tobytes()


def write(path, tensors, dtypes=None, default=None):
    """Writes `tensors` (name to array) to `path`.

    The dtype of a tensor is `dtypes[name]`, else `default`, else its numpy
    type. Tensors are laid out in the order of `tensors`; the bytes are the
    same for the same input.
    """
    names = {np.dtype(t): n for n, t in _NUMPY.items()}
    header, blobs, offset = {}, [], 0
    for name, array in tensors.items():
        array = np.asarray(array)
        dtype = (dtypes or {}).get(name) or default or names[array.dtype]
        blob = encode(array, dtype)
        header[name] = {
            "dtype": dtype,
            "shape": list(array.shape),
            "data_offsets": [offset, offset + len(blob)],
        }
        offset += len(blob)
        blobs.append(blob)
    header["__metadata__"] = {"format": "pt"}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for blob in blobs:
            f.write(blob)


def write_sharded(folder, tensors, shards, dtypes=None, default=None):
    """Writes a sharded checkpoint and its index.

    `shards` maps a tensor's name to its shard, 0 to n - 1.
    """
    folder = pathlib.Path(folder)
    count = 1 + max(shards.values())
    weight_map, total = {}, 0
    for shard in range(count):
        file = f"model-{shard + 1:05d}-of-{count:05d}.safetensors"
        part = {n: t for n, t in tensors.items() if shards[n] == shard}
        write(folder / file, part, dtypes, default)
        weight_map.update({name: file for name in part})
        header, _ = read_header(folder / file)
        total += max(entry["data_offsets"][1] for entry in header.values())
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps(index, indent=1, sort_keys=True) + "\n")
