"""Hamlet compiles hybrid-attention mixture-of-experts models and runs what was compiled. docs/python.md has examples."""

from ._compile import compile
from ._generate import Answer, Request, Stream, Token
from ._hamlet import HamletError, __version__
from ._model import Function, Model, Operand, Session, load, sample
from ._text import Text, TextStream

HamletError.__module__ = __name__
TextStream.__module__ = __name__

__all__ = [
    "Answer",
    "Function",
    "HamletError",
    "Model",
    "Operand",
    "Request",
    "Session",
    "Stream",
    "Text",
    "TextStream",
    "Token",
    "__version__",
    "compile",
    "load",
    "sample",
]
