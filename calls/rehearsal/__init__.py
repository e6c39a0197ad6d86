"""Rehearsals: stories in YAML, played in a scratch office through the real webhook and graded on the database."""
