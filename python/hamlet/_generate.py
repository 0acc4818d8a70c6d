"""Requests, answers, and the tokens between them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Callable, Iterator, List, NamedTuple, Optional, Tuple, Union

import numpy as np

from . import _hamlet
from ._hamlet import HamletError
from ._ids import Ids, ids
from ._text import Messages, Text, defaults


@dataclasses.dataclass
class Request:
    """What is generated after a prompt: ids, a text or the messages of a chat. Meaning and defaults are those of `hamlet run
    --batch`: where a field is None, generation_config.json decides for a text or a chat, else what stands beside the field."""

    prompt_ids: Optional[Ids] = None
    max_tokens: Optional[int] = None
    """16; 0 evaluates the prompt only."""
    temperature: Optional[float] = None
    """0: the largest logit, ties to the lowest id."""
    top_k: Optional[int] = None
    """0: off."""
    top_p: Optional[float] = None
    """1: off."""
    seed: int = 0
    """With the position of a token it makes the random number behind it: tokens do not depend on other requests."""
    stop_ids: Ids = ()
    """Beside the model's eos_ids and, for a text or a chat, those of generation_config.json."""
    early_stop: Optional[Tuple[int, float]] = None
    """Ends after so many tokens in a row above that probability."""
    prompt: Optional[str] = None
    """A text, in place of prompt_ids."""
    messages: Optional[Messages] = None
    """A chat, in place of prompt_ids: dicts with "role" and "content"."""
    chat_variables: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """What else the chat template sees, such as `tools` or `enable_thinking`."""

    def _is_text(self) -> bool:
        return self.prompt is not None or self.messages is not None


Prompt = Union[str, Ids, Messages, Request, "Sequence[Request]"]


@dataclasses.dataclass
class Answer:
    tokens: List[int]
    logprobs: List[float]
    finish_reason: Optional[str]
    """"length", "stop" or "early"; None: not finished, or failed."""
    error: Optional[str] = None
    """Why there is none; other requests have theirs."""
    text: Optional[str] = None
    """To a text or a chat: the tokens as text, without special ones and the one that ended it."""


class Token(NamedTuple):
    request: int
    """Index of the request."""
    id: int
    logprob: float
    text: str = ""
    """Of an answer to a text or a chat, what is certain with this token and was not before: whole characters, often none.
    Joined, these are the answer's text."""


def _prompt(request: Request, where: str, text: Optional[Text]) -> np.ndarray:
    """The request's ids."""
    given = sum(kind is not None for kind in (request.prompt_ids, request.prompt, request.messages))
    if given != 1:
        raise HamletError(f"expected one of 'prompt_ids', 'prompt' and 'messages', found {given or 'none'}")
    if not text:
        return ids(request.prompt_ids, f"{where}: prompt_ids")
    if request.prompt is not None:
        found = text.encode(request.prompt)
    else:
        found = text.encode_chat(request.messages, **request.chat_variables)
    if not found:
        raise HamletError("the prompt has no tokens")
    return np.array(found, np.int32)


def _add(native: _hamlet.Requests, request: Request, where: str, text: Optional[Text]) -> None:
    """Adds a request, of text where there is one."""
    prompt = _prompt(request, where, text)
    usual = defaults(text)
    said = {name: getattr(request, name) for name in ("max_tokens", "temperature", "top_k", "top_p")}
    said = {name: usual[name] if value is None else value for name, value in said.items()}
    count, probability = request.early_stop or (0, 0.0)
    if request.early_stop and not count:
        raise HamletError("'early_stop' is after 0 tokens, expected at least 1")
    stop = np.concatenate([ids(request.stop_ids, f"{where}: stop_ids"), np.array(usual["stop_ids"], np.int32)])
    native.add(prompt, **said, seed=request.seed, stop_ids=stop, early_stop_count=count, early_stop_probability=probability)


class Stream:
    """Tokens as they are picked. An iterator, and a context that ends the run when it is left. An interrupt (Ctrl-C) comes
    between two steps of the model."""

    def __init__(
        self,
        model: _hamlet.Model,
        text: Callable[[], Text],
        requests: Sequence[Request],
        prefill_chunk: int,
        max_batch: int,
        max_context: int,
    ):
        native = _hamlet.Requests()
        self._texts = [text() if request._is_text() else None for request in requests]
        self._decoders = [text and text.stream() for text in self._texts]
        for i, request in enumerate(requests):
            try:
                _add(native, request, f"request {i}", self._texts[i])
            except HamletError as error:
                raise HamletError(f"request {i}: {error}") from None
        self._generation = _hamlet.Generation(model, native, prefill_chunk, max_batch, max_context)
        self._picked: List[Token] = []

    def __iter__(self) -> Iterator[Token]:
        return self

    def __next__(self) -> Token:
        while not self._picked:
            if self._generation.done:
                raise StopIteration
            self._picked = [self._token(*token) for token in reversed(self._generation.step())]
        return self._picked.pop()

    def _token(self, request: int, token: int, logprob: float) -> Token:
        decoder = self._decoders[request]
        if not decoder:
            return Token(request, token, logprob)
        reason = self._generation.finish_reason(request)
        text = "" if reason == "stop" else decoder.push(token)
        return Token(request, token, logprob, text + decoder.finish() if reason else text)

    def run(self) -> List[Answer]:
        """Goes on to the end."""
        self._picked = []
        while not self._generation.done:
            self._generation.step()
        return self.answers

    @property
    def answers(self) -> List[Answer]:
        """What there is of each answer so far."""
        answers = [Answer(*self._generation.answer(i)) for i in range(len(self._texts))]
        for answer, text in zip(answers, self._texts):
            if text and not answer.error:
                answer.text = text.decode(answer.tokens[:-1] if answer.finish_reason == "stop" else answer.tokens)
        return answers

    def close(self) -> None:
        """Gives the memory back; nothing else is possible after it."""
        self._picked = []
        self._generation.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def requests_of(prompt: Prompt, options: dict) -> Tuple[List[Request], bool]:
    """The requests that a caller means, and whether there is one answer and no list of them."""
    if isinstance(prompt, str):
        return [Request(prompt=prompt, **options)], True
    first = prompt[0] if isinstance(prompt, Sequence) and len(prompt) else None
    if isinstance(prompt, Request):
        given, single = [prompt], True
    elif isinstance(first, Request):
        given, single = list(prompt), False
    elif isinstance(first, Mapping):
        return [Request(messages=prompt, **options)], True
    else:
        return [Request(prompt, **options)], True
    if options:
        raise TypeError(f"{', '.join(options)}: a Request has its own")
    for i, request in enumerate(given):
        if not isinstance(request, Request):
            raise TypeError(f"request {i}: expected a Request, found {type(request).__name__}")
    return given, single
