"""Macros: several things at once, by one click, and back by one click."""

from contact.response.macros.apply import Applied, Undone, apply, undo, undoable
from contact.response.macros.macro import Macro, add, change, get, remove, visible

__all__ = ["Applied", "Macro", "Undone", "add", "apply", "change", "get", "remove", "undo", "undoable", "visible"]
