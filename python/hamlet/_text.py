"""A checkpoint's tokenizer, chat template and generation_config.json."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

from . import _hamlet
from ._compile import Path
from ._hamlet import TextStream
from ._ids import Ids, ids

Messages = Sequence[Mapping[str, Any]]
"""A chat: dicts with "role" and "content"."""


class Text:
    """What a checkpoint's folder has of text; needs no model. Any number of threads may use it at once."""

    def __init__(self, folder: Path):
        """Raises HamletError without a tokenizer.json, or with one that is not supported."""
        self._native = _hamlet.Text(os.fspath(folder))

    @property
    def messages(self) -> List[str]:
        """What opening found that a person should see, each with "note: " before it."""
        return self._native.messages

    def encode(self, prompt: str, *, special: bool = True) -> List[int]:
        """The ids of a prompt; with `special` those that the tokenizer puts around it, such as the one that begins a text."""
        return self._native.encode(prompt, special)

    def encode_chat(self, messages: Messages, **variables: Any) -> List[int]:
        """The ids of a chat up to where the answer begins. `variables` is what else the chat template sees, such as `tools` or
        `enable_thinking`; `add_generation_prompt` is true unless it is given."""
        return self._native.encode_chat(json.dumps(messages), json.dumps(variables))

    def decode(self, tokens: Ids, *, skip_special: bool = True) -> str:
        return self._native.decode(ids(tokens, "decode"), skip_special)

    def stream(self, *, skip_special: bool = True) -> TextStream:
        """Decodes a token at a time. For one thread at a time."""
        return self._native.stream(skip_special)

    def token_id(self, token: str) -> Optional[int]:
        """The id of a token as tokenizer.json writes it, if there is one."""
        return self._native.token_id(token)

    def is_special(self, token: int) -> bool:
        """Whether decoding skips the token as special."""
        return self._native.is_special(token)

    def defaults(self) -> Dict[str, Any]:
        """The fields of a Request of text that says nothing: what generation_config.json says over the usual ones."""
        return defaults(self)


def defaults(text: Optional[Text]) -> Dict[str, Any]:
    """The fields of a Request that says nothing; of ids without a `text`."""
    names = ("max_tokens", "temperature", "top_k", "top_p", "stop_ids")
    return dict(zip(names, _hamlet.defaults(text._native if text else None)))
