"""Boards (게시판): posts and comments of partners and of those who work here."""
