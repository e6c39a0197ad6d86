"""Telling other programs what happened: signed, in order, until they have taken it."""
