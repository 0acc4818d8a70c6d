"""The lightning-attention family as a plain float64 recurrence over tokens.

    S <- diag(exp(g_t)) S                    decay, g <= 0
    S <- S + k_t (beta_t (v_t - S^T k_t))^T  delta rule: after the decay
    S <- S + beta_t k_t v_t^T                additive rule
    o_t = scale * S^T q_t                    after the update

It shares nothing with the chunk form that Hamlet's kernels compute: this is
what they are checked against.
"""

import numpy as np


def slopes_alibi(heads):
    """Decay rates of MiniMax-M1's remote code: any number of heads."""
    if heads & (heads - 1) == 0:
        return [2.0 ** (-8.0 * (h + 1) / heads) for h in range(heads)]
    lower = 1 << (heads.bit_length() - 1)
    doubled = slopes_alibi(2 * lower)
    return slopes_alibi(lower) + doubled[0::2][: heads - lower]


def slopes_geometric(heads):
    """Decay rates of Transformers' `minimax`: one ladder for any number."""
    return [2.0 ** (-8.0 * (h + 1) / heads) for h in range(heads)]


def _spread(x, heads):
    """Repeats the heads of `x` [T, few, ...] so that there are `heads`: head h
    reads head h // (heads / few)."""
    return np.repeat(x, heads // x.shape[1], axis=1)


def recurrence(
    q,
    k,
    v,
    log_decay=None,
    beta=None,
    scale=1.0,
    starts=None,
    initial=None,
    delta=False,
):
    """Runs the recurrence over packed sequences in float64.

    q          [T, Hq, Dk], k [T, Hk, Dk], v [T, Hv, Dv]. There are
               Hs = max(Hk, Hv) states and Hout = max(Hq, Hs) outputs.
    log_decay  None, [Hs] (constant), [T, Hs], or [T, Hs, Dk] (per channel of
               the key); natural logarithm, at most 0.
    beta       None (1) or [T, Hs]; weight of the update.
    starts     [N + 1] offsets, starts[0] = 0, starts[N] = T; a sequence may
               be empty. None: one sequence.
    initial    None (0) or [N, Hs, Dk, Dv].
    Returns (o [T, Hout, Dv], final states [N, Hs, Dk, Dv]).
    """
    q, k, v = (np.asarray(x, np.float64) for x in (q, k, v))
    tokens, dk, dv = q.shape[0], q.shape[2], v.shape[2]
    states = max(k.shape[1], v.shape[1])
    outputs = max(q.shape[1], states)
    q, k, v = _spread(q, outputs), _spread(k, states), _spread(v, states)
    readers = outputs // states
    if starts is None:
        starts = [0, tokens]
    decay = np.ones((1, states, 1))
    per_token = False
    if log_decay is not None:
        decay = np.exp(np.asarray(log_decay, np.float64))
        per_token = decay.ndim > 1
        if decay.ndim == 1:
            decay = decay[None, :, None]
        elif decay.ndim == 2:
            decay = decay[:, :, None]
    if beta is None:
        beta = np.ones((tokens, states))
    beta = np.asarray(beta, np.float64)

    out = np.zeros((tokens, outputs, dv))
    finals = np.zeros((len(starts) - 1, states, dk, dv))
    for n, (begin, end) in enumerate(zip(starts[:-1], starts[1:])):
        state = np.zeros((states, dk, dv))
        if initial is not None:
            state = np.array(initial[n], np.float64)
        for t in range(begin, end):
            state = decay[t if per_token else 0][:, :, None] * state
            value = v[t]
            if delta:
                value = value - (k[t][:, None, :] @ state)[:, 0, :]
            value = beta[t][:, None] * value
            state = state + k[t][:, :, None] * value[:, None, :]
            read = np.repeat(state, readers, axis=0)
            out[t] = scale * (q[t][:, None, :] @ read)[:, 0, :]
        finals[n] = state
    return out, finals
