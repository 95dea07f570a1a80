"""Readers: find the type of an incoming message in the protocol of a handler."""

from stormdoor.core.readers.formats import FORMATS, make_reader
from stormdoor.core.readers.reader import TypeReader, Unreadable

__all__ = ["FORMATS", "TypeReader", "Unreadable", "make_reader"]
