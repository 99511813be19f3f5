"""Postal addresses as data: read from what people paste, written in one line, checked before printing. Pure."""

from contact.postal.address import Postal
from contact.postal.check import Problem, check
from contact.postal.read import read

__all__ = ["Postal", "Problem", "check", "read"]
