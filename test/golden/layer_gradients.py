"""Gradients of the nn ops in float64: `docs` of the dialect has the formulas. `test_gradients_nn.py` holds them against
finite differences."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def norm(x, w, offset=0.0, eps=1e-5):
    """Of [T, parts, n]: result and 1 / root."""
    inverse = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + eps)
    return (w + offset) * x * inverse, inverse[..., 0]


def norm_grad(x, w, dy, parts, offset=0.0):
    shape = x.shape
    x, dy = (v.reshape(len(x), parts, -1) for v in (x, dy))
    w = w.reshape(-1, x.shape[-1]) + offset
    _, inverse = norm(x, w)
    h = x * inverse[..., None]
    return (inverse[..., None] * (dy * w - h * (dy * w * h).mean(-1, keepdims=True))).reshape(shape), inverse


def norm_weight_grad(x, inverse, dy, entries):
    parts = inverse.shape[1]
    h = x.reshape(len(x), parts, -1) * inverse[..., None]
    return (dy.reshape(h.shape) * h).reshape(-1, entries).sum(0)


def embedding_grad(ids, dy, vocabulary):
    result = np.zeros((vocabulary, dy.shape[1]))
    np.add.at(result, ids, dy)
    return result


def silu_grad(x, dy):
    s = sigmoid(x)
    return dy * s * (1 + x * (1 - s))


def sigmoid_grad(x, dy):
    s = sigmoid(x)
    return dy * s * (1 - s)
