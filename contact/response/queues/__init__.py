"""Queues: agents' waiting work."""

from contact.response.queues.queue import Queue, add, every, get, names

__all__ = ["Queue", "add", "every", "get", "names"]
