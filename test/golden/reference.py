"""A float64 implementation of the models that Hamlet compiles, in numpy.

It is the truth that the golden packs are written from. It is written from the
models' formulas alone, token by token where the model is recurrent, and shares
no code with the compiler or the runtime.

    reference.py CHECKPOINT --ids 1,2,3 [--greedy N]
"""

import argparse
import dataclasses
import json
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import lightning
import tensors

# Of the norm over all heads after lightning attention; not in any config.
LIGHTNING_NORM_EPS = 1e-6

_MIXTRAL_MOE = {
    "router": "model.layers.{l}.block_sparse_moe.gate.weight",
    "gate": "model.layers.{l}.block_sparse_moe.experts.{e}.w1.weight",
    "up": "model.layers.{l}.block_sparse_moe.experts.{e}.w3.weight",
    "down": "model.layers.{l}.block_sparse_moe.experts.{e}.w2.weight",
}
_COMMON = {
    "embed": "model.embed_tokens.weight",
    "final_norm": "model.norm.weight",
    "head": "lm_head.weight",
    "attention_norm": "model.layers.{l}.input_layernorm.weight",
    "mlp_norm": "model.layers.{l}.post_attention_layernorm.weight",
    "q": "model.layers.{l}.self_attn.q_proj.weight",
    "k": "model.layers.{l}.self_attn.k_proj.weight",
    "v": "model.layers.{l}.self_attn.v_proj.weight",
    "o": "model.layers.{l}.self_attn.o_proj.weight",
}
_LIGHTNING = {
    "qkv": "model.layers.{l}.self_attn.qkv_proj.weight",
    "output_gate": "model.layers.{l}.self_attn.output_gate.weight",
    "output_norm": "model.layers.{l}.self_attn.norm.weight",
    "out": "model.layers.{l}.self_attn.out_proj.weight",
}
_SHARED = {
    "shared_gate": "model.layers.{l}.shared_mlp.gate_proj.weight",
    "shared_up": "model.layers.{l}.shared_mlp.up_proj.weight",
    "shared_down": "model.layers.{l}.shared_mlp.down_proj.weight",
    "shared_coefficient": "model.layers.{l}.coefficient.weight",
}


@dataclasses.dataclass
class Spec:
    """What a configuration says, whatever words its family uses."""

    vocabulary: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    rotary_dim: int
    rope_theta: float
    expert_width: int
    experts: int
    top_k: int
    eps: float
    kinds: list  # "lightning" or "softmax", one for each layer
    names: dict  # role to tensor name; {l} layer, {e} expert
    normed_residual: bool = False  # residual taken after the norm
    scale: dict = dataclasses.field(default_factory=dict)  # (alpha, beta)
    tied: bool = False
    shared_width: int = 0
    score: str = "softmax"
    renormalise: bool = True
    router_bias: bool = False  # added for the choice of experts only
    qk_norm: bool = False  # per head, before the rotation
    window: int = 0  # 0: none
    ladder: str = "alibi"

    def alpha_beta(self, part):
        return self.scale.get(part, (1.0, 1.0))


def _get(config, *keys, default):
    for key in keys:
        if key in config:
            return config[key]
    return default


def read_config(config):
    """The Spec of a config.json, given as a dict."""
    kind = config["model_type"].lower().replace("_", "")
    if kind in ("minimaxm1", "minimaxtext01"):
        return _remote_minimax(config)
    if kind == "minimax":
        return _native_minimax(config)
    if kind == "mixtral":
        return _mixtral(config)
    if kind == "qwen3moe":
        return _qwen3_moe(config)
    if kind == "lantern":
        return _lantern(config)
    raise ValueError(f"reference.py knows no model_type {kind!r}")


def _sizes(c, **more):
    heads = c["num_attention_heads"]
    head_dim = c.get("head_dim") or c["hidden_size"] // heads
    fields = dict(
        vocabulary=c["vocab_size"],
        hidden=c["hidden_size"],
        heads=heads,
        kv_heads=c.get("num_key_value_heads") or heads,
        head_dim=head_dim,
        rotary_dim=head_dim,
        eps=_get(c, "rms_norm_eps", default=1e-5),
        tied=bool(_get(c, "tie_word_embeddings", default=False)),
        window=c.get("sliding_window") or 0,
    )
    fields.update(more)
    return Spec(**fields)


def _remote_minimax(c):
    types = _get(c, "attn_type_list", "decoder_attention_types", default=None)

    def pair(name):
        return (
            _get(c, f"layernorm_{name}_alpha", default=1.0),
            _get(c, f"layernorm_{name}_beta", default=1.0),
        )

    def scalar(value):
        return value[0] if isinstance(value, list) else value

    heads = c["num_attention_heads"]
    head_dim = c.get("head_dim") or c["hidden_size"] // heads
    return _sizes(
        c,
        rotary_dim=c.get("rotary_dim") or head_dim,
        rope_theta=_get(c, "rope_theta", default=1e6),
        expert_width=c["intermediate_size"],
        experts=scalar(c["num_local_experts"]),
        top_k=c["num_experts_per_tok"],
        kinds=["softmax" if t else "lightning" for t in types],
        names={**_COMMON, **_LIGHTNING, **_MIXTRAL_MOE, **_SHARED},
        normed_residual=bool(_get(c, "postnorm", default=False)),
        scale={
            "lightning": pair("linear_attention"),
            "softmax": pair("full_attention"),
            "mlp": pair("mlp"),
        },
        shared_width=scalar(_get(c, "shared_intermediate_size", default=0)),
    )


def _native_minimax(c):
    layers = c["num_hidden_layers"]
    types = c.get("layer_types") or [
        "linear_attention" if l % 2 else "full_attention"
        for l in range(layers)
    ]
    rope = c.get("rope_parameters") or {}
    head_dim = c.get("head_dim") or c["hidden_size"] // c["num_attention_heads"]
    fraction = _get(rope, "partial_rotary_factor", default=1.0)

    def pair(name):
        return (
            _get(c, f"{name}_alpha_factor", default=1),
            _get(c, f"{name}_beta_factor", default=1),
        )

    return _sizes(
        c,
        rotary_dim=int(head_dim * fraction),
        rope_theta=_get(rope, "rope_theta", default=1e6),
        expert_width=c["intermediate_size"],
        experts=c["num_local_experts"],
        top_k=c["num_experts_per_tok"],
        kinds=["softmax" if t == "full_attention" else "lightning" for t in types],
        names={**_COMMON, **_LIGHTNING, **_MIXTRAL_MOE},
        normed_residual=True,
        scale={
            "lightning": pair("linear_attn"),
            "softmax": pair("full_attn"),
            "mlp": pair("mlp"),
        },
        ladder="geometric",
    )


def _mixtral(c):
    rope = c.get("rope_parameters") or {}
    theta = _get(c, "rope_theta", default=_get(rope, "rope_theta", default=1e6))
    return _sizes(
        c,
        rope_theta=theta,
        expert_width=c["intermediate_size"],
        experts=c["num_local_experts"],
        top_k=c["num_experts_per_tok"],
        kinds=["softmax"] * c["num_hidden_layers"],
        names={**_COMMON, **_MIXTRAL_MOE},
    )


def _qwen3_moe(c):
    moe = "model.layers.{l}.mlp."
    rope = c.get("rope_parameters") or {}
    theta = _get(c, "rope_theta", default=_get(rope, "rope_theta", default=1e6))
    windowed = _get(c, "use_sliding_window", default=False)
    return _sizes(
        c,
        rope_theta=theta,
        expert_width=c["moe_intermediate_size"],
        experts=c["num_experts"],
        top_k=c["num_experts_per_tok"],
        kinds=["softmax"] * c["num_hidden_layers"],
        renormalise=bool(_get(c, "norm_topk_prob", default=False)),
        qk_norm=True,
        window=(c.get("sliding_window") or 0) if windowed else 0,
        names={
            **_COMMON,
            "q_norm": "model.layers.{l}.self_attn.q_norm.weight",
            "k_norm": "model.layers.{l}.self_attn.k_norm.weight",
            "router": moe + "gate.weight",
            "gate": moe + "experts.{e}.gate_proj.weight",
            "up": moe + "experts.{e}.up_proj.weight",
            "down": moe + "experts.{e}.down_proj.weight",
        },
    )


def _lantern(c):
    """A family that does not exist: known ingredients under other names."""
    layer = "decoder.blocks.{l}."
    rate = (1.0, 1.0)
    return Spec(
        vocabulary=c["n_vocab"],
        hidden=c["width"],
        heads=c["n_heads"],
        kv_heads=c["n_kv_heads"],
        head_dim=c["head_width"],
        rotary_dim=c["rope_dims"],
        rope_theta=c["rope_base"],
        expert_width=c["expert_width"],
        experts=c["n_experts"],
        top_k=c["n_active_experts"],
        eps=c["norm_epsilon"],
        kinds=["softmax" if m == "global" else "lightning" for m in c["mixers"]],
        scale={"lightning": rate, "softmax": rate, "mlp": rate},
        score="sigmoid",
        router_bias=True,
        names={
            "embed": "decoder.tokens.weight",
            "final_norm": "decoder.norm.weight",
            "head": "output.weight",
            "attention_norm": layer + "norm_mixer.weight",
            "mlp_norm": layer + "norm_moe.weight",
            "q": layer + "global.query.weight",
            "k": layer + "global.key.weight",
            "v": layer + "global.value.weight",
            "o": layer + "global.out.weight",
            "qkv": layer + "linear.qkv.weight",
            "output_gate": layer + "linear.gate.weight",
            "output_norm": layer + "linear.norm.weight",
            "out": layer + "linear.out.weight",
            "router": layer + "moe.router.weight",
            "router_bias": layer + "moe.router.bias",
            "gate": layer + "moe.expert_{e}.gate.weight",
            "up": layer + "moe.expert_{e}.up.weight",
            "down": layer + "moe.expert_{e}.down.weight",
        },
    )


def layer_shapes(spec):
    """Every tensor of a checkpoint, as (role, name, shape), in layer order."""
    H, q, kv = spec.hidden, spec.heads * spec.head_dim, spec.kv_heads * spec.head_dim
    F, S = spec.expert_width, spec.shared_width
    yield "embed", spec.names["embed"], (spec.vocabulary, H)
    for l, kind in enumerate(spec.kinds):
        roles = [("attention_norm", (H,))]
        if kind == "lightning":
            roles += [("qkv", (3 * q, H)), ("output_gate", (q, H))]
            roles += [("output_norm", (q,)), ("out", (H, q))]
        else:
            roles += [("q", (q, H)), ("k", (kv, H)), ("v", (kv, H)), ("o", (H, q))]
            if spec.qk_norm:
                roles += [("q_norm", (spec.head_dim,)), ("k_norm", (spec.head_dim,))]
        roles += [("mlp_norm", (H,)), ("router", (spec.experts, H))]
        if spec.router_bias:
            roles += [("router_bias", (spec.experts,))]
        if S:
            roles += [("shared_gate", (S, H)), ("shared_up", (S, H))]
            roles += [("shared_down", (H, S)), ("shared_coefficient", (1, H))]
        for role, shape in roles:
            yield role, spec.names[role].format(l=l), shape
        for e in range(spec.experts):
            for role, shape in ("gate", (F, H)), ("down", (H, F)), ("up", (F, H)):
                yield role, spec.names[role].format(l=l, e=e), shape
    yield "final_norm", spec.names["final_norm"], (H,)
    if not spec.tied:
        yield "head", spec.names["head"], (spec.vocabulary, H)


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def silu(x):
    return x * sigmoid(x)


def softmax(x):
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def rms_norm(x, weight, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight


def rotate(x, positions, rotary_dim, theta):
    """Half-split rotary embedding of x [T, heads, D].

    Frequencies are f32, 1 / theta^(2i/rotary_dim) with the power rounded to
    f32 before the division, and the angle is the product of two f32, rounded
    to f32, as in every implementation of these models: at position 1,000 the
    exact angle would differ in the fifth digit.
    """
    half = rotary_dim // 2
    exponent = (2 * np.arange(half) / np.float32(rotary_dim)).astype(np.float32)
    power = (float(theta) ** exponent.astype(np.float64)).astype(np.float32)
    frequency = np.float32(1) / power
    angle = np.asarray(positions, np.float32)[:, None] * frequency
    angle = angle.astype(np.float64)[:, None, :]
    cos, sin = np.cos(angle), np.sin(angle)
    a, b, rest = x[..., :half], x[..., half:rotary_dim], x[..., rotary_dim:]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin, rest], -1)


class Cache:
    """What one sequence has left behind: states, or keys and values."""

    def __init__(self, layers):
        self.length = 0
        self.layers = [None] * layers


class Model:
    """A model with its weights in float64.

    After `forward`, `router_margin` is the smallest gap seen so far between
    the last chosen and the first rejected expert's score, over the largest
    score of that row, and `chosen` the experts of the last call, one
    [tokens, top_k] for each layer (best first).
    """

    def __init__(self, spec, weights):
        self.spec = spec
        self.weights = {n: np.asarray(w, np.float64) for n, w in weights.items()}
        self.router_margin = np.inf
        self.chosen = []
        self.routes = None  # experts that are taken instead, an iterator over layers of calls
        self.layer_outputs = []
        for _, name, shape in layer_shapes(spec):
            if name not in self.weights:
                raise ValueError(f"checkpoint has no tensor {name}")
            if self.weights[name].shape != shape:
                found = self.weights[name].shape
                raise ValueError(f"{name} has shape {found}, expected {shape}")

    @classmethod
    def load(cls, folder):
        folder = pathlib.Path(folder)
        config = json.loads((folder / "config.json").read_text())
        return cls(read_config(config), tensors.read_checkpoint(folder))

    def weight(self, role, l=None, e=None):
        return self.weights[self.spec.names[role].format(l=l, e=e)]

    def slopes(self, l):
        """Decay rates of layer l, per head, rounded to f32."""
        heads, last = self.spec.heads, len(self.spec.kinds) - 1
        if self.spec.ladder == "alibi":
            base = lightning.slopes_alibi(heads)
        else:
            # Transformers' denominator; where the last layer is a lightning
            # layer, the two forms differ by a third of its decay rate.
            base = lightning.slopes_geometric(heads)
            last += 1e-5
        factor = 1.0 - (l / last if last else 0.0) + 1e-5
        return (np.array(base) * factor).astype(np.float32).astype(np.float64)

    def lightning_layer(self, y, l, cache):
        s = self.spec
        qkv = silu(y @ self.weight("qkv", l).T)
        qkv = qkv.reshape(len(y), s.heads, 3, s.head_dim)
        state = cache.layers[l]
        out, final = lightning.recurrence(
            qkv[:, :, 0],
            qkv[:, :, 1],
            qkv[:, :, 2],
            log_decay=-self.slopes(l),
            initial=None if state is None else state[None],
        )
        cache.layers[l] = final[0]
        out = out.reshape(len(y), s.heads * s.head_dim)
        out = rms_norm(out, self.weight("output_norm", l), LIGHTNING_NORM_EPS)
        out = sigmoid(y @ self.weight("output_gate", l).T) * out
        return out @ self.weight("out", l).T

    def softmax_layer(self, y, l, cache):
        s = self.spec
        positions = cache.length + np.arange(len(y))
        q = (y @ self.weight("q", l).T).reshape(len(y), s.heads, s.head_dim)
        k = (y @ self.weight("k", l).T).reshape(len(y), s.kv_heads, s.head_dim)
        v = (y @ self.weight("v", l).T).reshape(len(y), s.kv_heads, s.head_dim)
        if s.qk_norm:
            q = rms_norm(q, self.weight("q_norm", l), s.eps)
            k = rms_norm(k, self.weight("k_norm", l), s.eps)
        q = rotate(q, positions, s.rotary_dim, s.rope_theta)
        k = rotate(k, positions, s.rotary_dim, s.rope_theta)
        if cache.layers[l] is not None:
            k = np.concatenate([cache.layers[l][0], k])
            v = np.concatenate([cache.layers[l][1], v])
        cache.layers[l] = (k, v)
        distance = positions[:, None] - np.arange(len(k))[None, :]
        visible = distance >= 0
        if s.window:
            visible &= distance < s.window
        out = np.empty_like(q)
        for h in range(s.heads):
            g = h // (s.heads // s.kv_heads)
            scores = q[:, h] @ k[:, g].T / np.sqrt(s.head_dim)
            out[:, h] = softmax(np.where(visible, scores, -np.inf)) @ v[:, g]
        return out.reshape(len(y), -1) @ self.weight("o", l).T

    def moe(self, w, l):
        s = self.spec
        logits = w @ self.weight("router", l).T
        score = softmax(logits) if s.score == "softmax" else sigmoid(logits)
        # Softmax keeps order, so the choice is made, and its margin measured,
        # on the logits, as f32 implementations differ in them.
        select = logits if s.score == "softmax" else score
        if s.router_bias:
            select = score + self.weight("router_bias", l)
        order = np.argsort(-select, axis=-1, kind="stable")  # ties: lowest id
        chosen = order[:, : s.top_k] if self.routes is None else next(self.routes)
        if s.top_k < s.experts:
            sorted_ = np.take_along_axis(select, order, -1)
            gap = sorted_[:, s.top_k - 1] - sorted_[:, s.top_k]
            gap /= np.abs(select).max(-1)
            self.router_margin = min(self.router_margin, gap.min())
        weights = np.take_along_axis(score, chosen, -1)
        if s.renormalise:
            weights = weights / weights.sum(-1, keepdims=True)
        out = np.zeros_like(w)
        for e in range(s.experts):
            rows, slots = np.nonzero(chosen == e)
            x = w[rows]
            x = silu(x @ self.weight("gate", l, e).T) * (x @ self.weight("up", l, e).T)
            out[rows] += weights[rows, slots][:, None] * (x @ self.weight("down", l, e).T)
        if s.shared_width:
            x = silu(w @ self.weight("shared_gate", l).T)
            x = (x * (w @ self.weight("shared_up", l).T)) @ self.weight("shared_down", l).T
            c = sigmoid(w @ self.weight("shared_coefficient", l).T)
            out = out * (1.0 - c) + x * c
        self.chosen.append(chosen)
        return out

    def forward(self, ids, cache=None):
        """Logits [len(ids), vocabulary] of the tokens that follow `cache`."""
        s = self.spec
        cache = cache or Cache(len(s.kinds))
        self.chosen, self.layer_outputs = [], []
        x = self.weight("embed")[np.asarray(ids)]
        for l, kind in enumerate(s.kinds):
            mixer = self.lightning_layer if kind == "lightning" else self.softmax_layer
            y = rms_norm(x, self.weight("attention_norm", l), s.eps)
            alpha, beta = s.alpha_beta(kind)
            z = alpha * (y if s.normed_residual else x) + beta * mixer(y, l, cache)
            w = rms_norm(z, self.weight("mlp_norm", l), s.eps)
            alpha, beta = s.alpha_beta("mlp")
            x = alpha * (w if s.normed_residual else z) + beta * self.moe(w, l)
            self.layer_outputs.append(x)
        cache.length += len(ids)
        x = rms_norm(x, self.weight("final_norm"), s.eps)
        return x @ self.weight("embed" if s.tied else "head").T

    def greedy(self, prompt, count):
        """`count` greedy tokens after `prompt`, and the smallest gap between
        the best two logits over the largest magnitude of their row."""
        cache, tokens, gap = Cache(len(self.spec.kinds)), [], np.inf
        row = self.forward(prompt, cache)[-1]
        for _ in range(count):
            best = np.sort(row)[-2:]
            gap = min(gap, (best[1] - best[0]) / np.abs(row).max())
            tokens.append(int(np.argmax(row)))
            if len(tokens) < count:
                row = self.forward(tokens[-1:], cache)[-1]
        return tokens, gap


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("--ids", required=True, help="comma-separated")
    parser.add_argument("--greedy", type=int, default=0)
    args = parser.parse_args()
    model = Model.load(args.checkpoint)
    ids = [int(i) for i in args.ids.split(",")]
    if args.greedy:
        print(*model.greedy(ids, args.greedy)[0], sep=",")
    else:
        print(model.forward(ids)[-1])


if __name__ == "__main__":
    main()
