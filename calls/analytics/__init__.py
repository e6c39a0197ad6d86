"""Figures over calls and leads: short queries, each with its definition and a way to the rows behind it."""
