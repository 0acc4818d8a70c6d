"""Models and sessions."""

from __future__ import annotations

import os
from typing import List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from . import _hamlet
from ._compile import Path
from ._generate import Answer, HamletError, Prompt, Stream, requests_of
from ._ids import Ids, ids
from ._text import Text


class Operand(NamedTuple):
    name: str
    dtype: str
    """Of the function. Where it is "bf16", arrays are float32: rounded on the way in, widened on the way out."""
    shape: Tuple[Optional[int], ...]
    """None: known at the call."""


class Function(NamedTuple):
    name: str
    operands: Tuple[Operand, ...]
    results: Tuple[Operand, ...]


class Session:
    """Sequences that are fed by hand. Made by Model.session."""

    _ROWS = {"none": 0, "last": 1, "all": 2}

    def __init__(self, native: _hamlet.Session):
        self._native = native

    def add(self) -> int:
        """A new, empty sequence."""
        return self._native.add()

    def remove(self, sequence: int) -> None:
        self._native.remove(sequence)

    def length(self, sequence: int) -> int:
        """Tokens fed so far."""
        return self._native.length(sequence)

    def fork(self, sequence: int) -> int:
        """A second sequence with the same tokens; what follows has the bits that it has in one of its own."""
        return self._native.fork(sequence)

    def truncate(self, sequence: int, length: int) -> None:
        """Cuts a sequence to its first `length` tokens: to `least_length` at the least, or to 0."""
        self._native.truncate(sequence, length)

    def least_length(self, sequence: int) -> int:
        """The least length above 0 that `truncate` goes to: lightning states are kept from chunk to chunk."""
        return self._native.least_length(sequence)

    def step(self, pieces: Sequence[Tuple[int, Ids]], rows: str = "last") -> int:
        """Feeds pieces, each a sequence and its next tokens, in one step. `rows`: "none", "last" (of each piece) or "all"
        get logits. Returns their number; they stand in the order of the pieces."""
        if rows not in self._ROWS:
            raise ValueError(f"rows is {rows!r}, expected one of {', '.join(self._ROWS)}")
        converted = [(sequence, ids(tokens, f"sequence {sequence}")) for sequence, tokens in pieces]
        return self._native._step(converted, self._ROWS[rows])

    def logits(self) -> np.ndarray:
        """The last step's rows, float32 [rows, vocabulary], as an array of its own."""
        return self._native.logits()

    def logits_view(self) -> np.ndarray:
        """The same in the library's memory, read-only and not copied. While an array of it lives, the session does and no
        step is possible. Not for GPUs."""
        return self._native.logits_view()


class Model:
    """A compiled file on a device, with its weights. Made by `load`. Several threads may use it: one at a time works, and
    others, Python's too, go on."""

    def __init__(self, native: _hamlet.Model, folder: Optional[str]):
        self._native = native
        self._folder = folder
        self._text: Optional[Text] = None

    @property
    def text(self) -> Text:
        """That of the checkpoint's folder that the weights are from. Raises HamletError where it has no tokenizer.json."""
        if self._text is None:
            if self._folder is None:
                raise HamletError("the model was loaded without a checkpoint's folder, which has the tokenizer")
            self._text = Text(self._folder)
        return self._text

    @property
    def vocabulary(self) -> int:
        """Ids are 0 to vocabulary - 1; 0: the file has functions alone."""
        return self._native.vocabulary

    @property
    def max_positions(self) -> int:
        """The longest sequence the model was made for, in tokens."""
        return self._native.max_positions

    @property
    def eos_ids(self) -> List[int]:
        """The ids that end an answer."""
        return self._native.eos_ids

    @property
    def messages(self) -> List[str]:
        """What loading found that a person should see, each with "warning: " or "note: " before it."""
        return self._native.messages

    def generate(
        self,
        prompt: Prompt,
        *,
        prefill_chunk: int = 0,
        max_batch: int = 0,
        max_context: int = 0,
        **options: object,
    ) -> Union[Answer, List[Answer]]:
        """The answer to token ids, a text or a chat's messages, with the fields of Request as `options`, or to a Request; a list
        of answers to a list of these, batched continuously. Of a list, one that fails has an `error`; alone it raises
        HamletError.

        `prefill_chunk`: longest piece of a prompt in one step; `max_batch`: sequences at once; `max_context`: longest prompt
        with its answer. 0: the defaults of `hamlet run`."""
        requests, single = requests_of(prompt, options)
        with Stream(self._native, lambda: self.text, requests, prefill_chunk, max_batch, max_context) as stream:
            answers = stream.run()
        if not single:
            return answers
        if answers[0].error:
            raise HamletError(answers[0].error)
        return answers[0]

    def stream(
        self,
        prompt: Prompt,
        *,
        prefill_chunk: int = 0,
        max_batch: int = 0,
        max_context: int = 0,
        **options: object,
    ) -> Stream:
        """Like `generate`, but an iterator over tokens as they are picked."""
        requests, _ = requests_of(prompt, options)
        return Stream(self._native, lambda: self.text, requests, prefill_chunk, max_batch, max_context)

    def session(self, *, max_sequences: int = 1, max_context: Optional[int] = None, step_tokens: int = 0) -> Session:
        """Memory for so many sequences at once of at most so many tokens (`max_positions`). `step_tokens`: tokens of one step
        that memory is taken for at once; larger steps still work."""
        context = self.max_positions if max_context is None else max_context
        return Session(_hamlet.Session(self._native, max_sequences, context, step_tokens))

    @property
    def functions(self) -> List[Function]:
        """Those that `call` takes, of a compiled .mlir file."""

        def operands(given: Sequence[Tuple[str, str, Sequence[Optional[int]]]]) -> Tuple[Operand, ...]:
            return tuple(Operand(name, dtype, tuple(shape)) for name, dtype, shape in given)

        return [Function(name, operands(takes), operands(gives)) for name, takes, gives in self._native._functions()]

    def call(self, name: str, arrays: Sequence[np.ndarray]) -> List[np.ndarray]:
        """The results of a function, in the library's memory, which they keep. Operands are arrays of NumPy or of anything
        with DLPack, of the function's dtypes."""
        return self._native._call(name, [_operand(array) for array in arrays])


def _operand(array: object) -> np.ndarray:
    if not isinstance(array, np.ndarray) and hasattr(array, "__dlpack__"):
        array = np.from_dlpack(array)
    return np.asarray(array, order="C")


def load(file: Path, weights: Optional[Path] = None, *, device: str = "cpu", threads: int = 0) -> Model:
    """Loads a compiled file, with the weights of a checkpoint's folder if it has any, on "cpu", "cuda:N" or "emulated".
    `threads` 0: HAMLET_THREADS, else the cores."""
    folder = None if weights is None else os.fspath(weights)
    return Model(_hamlet.Model(os.fspath(file), folder, device, threads), folder)


def sample(
    logits: np.ndarray, *, temperature: float = 0, top_k: int = 0, top_p: float = 1, seed: int = 0, position: int = 0
) -> Tuple[int, float]:
    """The token for a sequence's index `position`, picked from the float32 logits [vocabulary] before it as `hamlet run` does,
    and its log-probability. Depends on nothing but the arguments."""
    row = np.asarray(logits)
    if row.ndim != 1 or row.dtype != np.float32:
        raise TypeError(f"logits: expected float32 [vocabulary], found {row.dtype} of shape {row.shape}")
    return _hamlet.sample(np.ascontiguousarray(row), temperature, top_k, top_p, seed, position)
