"""Requests, answers, and the tokens between them."""

from __future__ import annotations

import dataclasses
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

from . import _hamlet
from ._hamlet import HamletError
from ._ids import Ids, ids


@dataclasses.dataclass
class Request:
    """What is generated after a prompt. Defaults and meaning are those of `hamlet run --batch`."""

    prompt_ids: Ids
    max_tokens: int = 16
    """0 evaluates the prompt only."""
    temperature: float = 0
    """0: the largest logit, ties to the lowest id."""
    top_k: int = 0
    top_p: float = 1
    seed: int = 0
    """With the position of a token it makes the random number behind it: tokens do not depend on other requests."""
    stop_ids: Ids = ()
    """Beside the model's eos_ids."""
    early_stop: Optional[Tuple[int, float]] = None
    """Ends after so many tokens in a row above that probability."""


@dataclasses.dataclass
class Answer:
    tokens: List[int]
    logprobs: List[float]
    finish_reason: Optional[str]
    """"length", "stop" or "early"; None: not finished, or failed."""
    error: Optional[str] = None
    """Why there is none; other requests have theirs."""


class Token(NamedTuple):
    request: int
    """Index of the request."""
    id: int
    logprob: float


class Stream:
    """Tokens as they are picked. An iterator, and a context that ends the run when it is left. An interrupt (Ctrl-C) comes
    between two steps of the model."""

    def __init__(self, model: _hamlet.Model, requests: Sequence[Request], prefill_chunk: int, max_batch: int, max_context: int):
        native = _hamlet.Requests()
        for i, request in enumerate(requests):
            count, probability = request.early_stop or (0, 0.0)
            if request.early_stop and not count:
                raise HamletError(f"request {i}: 'early_stop' is after 0 tokens, expected at least 1")
            native.add(
                ids(request.prompt_ids, f"request {i}: prompt_ids"),
                request.max_tokens,
                request.temperature,
                request.top_k,
                request.top_p,
                request.seed,
                ids(request.stop_ids, f"request {i}: stop_ids"),
                count,
                probability,
            )
        self._count = len(requests)
        self._generation = _hamlet.Generation(model, native, prefill_chunk, max_batch, max_context)
        self._picked: List[Token] = []

    def __iter__(self) -> Iterator[Token]:
        return self

    def __next__(self) -> Token:
        while not self._picked:
            if self._generation.done:
                raise StopIteration
            self._picked = [Token(*token) for token in reversed(self._generation.step())]
        return self._picked.pop()

    def run(self) -> List[Answer]:
        """Goes on to the end."""
        self._picked = []
        while not self._generation.done:
            self._generation.step()
        return self.answers

    @property
    def answers(self) -> List[Answer]:
        """What there is of each answer so far."""
        return [Answer(*self._generation.answer(i)) for i in range(self._count)]

    def close(self) -> None:
        """Gives the memory back; nothing else is possible after it."""
        self._picked = []
        self._generation.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def requests_of(prompt: Union[Ids, Request, Sequence[Request]], options: dict) -> Tuple[List[Request], bool]:
    """The requests that a caller means, and whether there is one answer and no list of them."""
    if isinstance(prompt, Request):
        given, single = [prompt], True
    elif not isinstance(prompt, (str, bytes)) and len(prompt) and isinstance(prompt[0], Request):
        given, single = list(prompt), False
    else:
        return [Request(prompt, **options)], True
    if options:
        raise TypeError(f"{', '.join(options)}: a Request has its own")
    for i, request in enumerate(given):
        if not isinstance(request, Request):
            raise TypeError(f"request {i}: expected a Request, found {type(request).__name__}")
    return given, single
