"""Assistants, tools and phone numbers at Vapi: how they differ from what Pete needs, and setting that right.

`wanted` says what is needed, `compare` finds the differences of one thing (pure), `survey` reads them all, `apply`
sets them right one by one.
"""
