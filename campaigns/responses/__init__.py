"""Responses: what came back from those a campaign was said to. Replies, clicks, opens; who, or what, made them."""
