"""Notices (공지사항): delivered, not pinned up. Each person of the audience has a receipt; the ladder goes on until
they acknowledged."""
