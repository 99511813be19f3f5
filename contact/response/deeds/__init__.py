"""Deeds: what rules and macros do to a conversation, as data.

A step names a deed and its value; a deed checks the value when a rule or macro is saved, does it
through the verbs of `contact.conversation`, and knows its exact reverse.
"""

from contact.response.deeds.catalogue import DEEDS, check, do, steps_of
from contact.response.deeds.deed import Behind, Deed, Kept, Speaker, Step
from contact.response.deeds.say import Saying
from contact.wrong import Wrong

__all__ = ["DEEDS", "Behind", "Deed", "Kept", "Saying", "Speaker", "Step", "Wrong", "check", "do", "steps_of"]
