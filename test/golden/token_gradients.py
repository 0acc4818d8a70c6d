"""Gradients of the attentions in float64, from the formulas a pair or a token at a time. They share nothing with the
blocks and chunks that Hamlet's kernels work in, and are held against differences of the forward functions themselves
(test/system/test_gradients_attention.py)."""

import numpy as np


def softmax_forward(q, k, v, starts, scale, window):
    """(result, log_sum_exp)"""
    group = q.shape[1] // k.shape[1]
    out, lse = np.zeros((*q.shape[:2], v.shape[2])), np.zeros(q.shape[:2])
    for a, b in zip(starts, starts[1:]):
        visible = _visible(b - a, window)
        for h in range(q.shape[1] if b > a else 0):
            scores = np.where(visible, scale * q[a:b, h] @ k[a:b, h // group].T, -np.inf)
            most = scores.max(-1, keepdims=True)
            weights = np.exp(scores - most)
            lse[a:b, h] = most[:, 0] + np.log(weights.sum(-1))
            out[a:b, h] = weights / weights.sum(-1, keepdims=True) @ v[a:b, h // group]
    return out, lse


def _visible(n, window):
    distance = np.arange(n)[:, None] - np.arange(n)[None]
    return (distance >= 0) & ((distance < window) if window else True)


def softmax(q, k, v, out, lse, dout, starts, scale, window=0):
    """(dq, dk, dv) from the forward's result and the logs of its sums."""
    q, k, v, out, lse, dout = (np.asarray(x, np.float64) for x in (q, k, v, out, lse, dout))
    group = q.shape[1] // k.shape[1]
    dq, dk, dv = np.zeros(q.shape), np.zeros(k.shape), np.zeros(v.shape)
    for a, b in zip(starts, starts[1:]):
        visible = _visible(b - a, window)
        for h in range(q.shape[1]):
            g = h // group
            p = np.where(visible, np.exp(np.where(visible, scale * q[a:b, h] @ k[a:b, g].T - lse[a:b, h, None], 0)), 0)
            dots = (dout[a:b, h] * out[a:b, h]).sum(-1, keepdims=True)
            ds = p * (dout[a:b, h] @ v[a:b, g].T - dots)
            dq[a:b, h] = scale * ds @ k[a:b, g]
            dk[a:b, g] += scale * ds.T @ q[a:b, h]
            dv[a:b, g] += p.T @ dout[a:b, h]
    return dq, dk, dv


def lightning(q, k, v, decay, dout, starts, scale, initial=None, dfinal=None):
    """(dq, dk, dv, ddecay, dinitial) of the gated rule, token after token: forward with every state kept, and back.
    Heads as in lightning.recurrence; ddecay has the shape of the decay."""
    q, k, v, decay, dout = (np.asarray(x, np.float64) for x in (q, k, v, decay, dout))
    states = max(k.shape[1], v.shape[1])
    outputs = max(q.shape[1], states)
    of_query = np.arange(outputs) // (outputs // q.shape[1])
    of_state = np.arange(outputs) // (outputs // states)
    of_key = np.arange(states) // (states // k.shape[1])
    of_value = np.arange(states) // (states // v.shape[1])
    dq, dk, dv, ddecay = np.zeros(q.shape), np.zeros(k.shape), np.zeros(v.shape), np.zeros(decay.shape)
    shape = (len(starts) - 1, states, q.shape[2], v.shape[2])
    dinitial = np.zeros(shape)
    for n, (begin, end) in enumerate(zip(starts, starts[1:])):
        state = np.zeros(shape[1:]) if initial is None else np.array(initial[n], np.float64)
        kept = [state]
        for t in range(begin, end):
            factor = np.exp(decay if decay.ndim == 1 else decay[t])
            state = factor[:, None, None] * state + k[t, of_key][:, :, None] * v[t, of_value][:, None]
            kept.append(state)
        back = np.zeros(shape[1:]) if dfinal is None else np.array(dfinal[n], np.float64)
        for t in reversed(range(begin, end)):
            state = kept[t - begin + 1]
            for o in range(outputs):
                h, x = of_state[o], of_query[o]
                dq[t, x] += scale * state[h] @ dout[t, o]
                back[h] += scale * np.outer(q[t, x], dout[t, o])
            for h in range(states):
                dk[t, of_key[h]] += back[h] @ v[t, of_value[h]]
                dv[t, of_value[h]] += back[h].T @ k[t, of_key[h]]
            factor = np.exp(decay if decay.ndim == 1 else decay[t])
            towards = factor * (back * kept[t - begin]).sum((1, 2))
            if decay.ndim == 1:
                ddecay += towards
            else:
                ddecay[t] = towards
            back = factor[:, None, None] * back
        dinitial[n] = back
    return dq, dk, dv, ddecay, dinitial
