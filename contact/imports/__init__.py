"""Contacts out of a file (CSV, XLSX, vCard): recognised, mapped, looked at first, then taken in by the worker.

shape.py    format, encoding, delimiter, header: recognised or asked      entry.py   one row, understood. Pure
rows.py     a file as rows, one after another                             book.py    the table: one import, its problems
cards.py    vCards as rows                                                take.py    a row becomes a contact
columns.py  which column is what                                          work.py    the worker's part
"""
