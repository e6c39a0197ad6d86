"""Simulated callers: whole calls through the real webhook, as Vapi sends them.

A scenario is a coroutine that plays both sides of one call: what the caller says and what the assistant's model does
with it. The model's side reads the tools' answers as text, as a language model would, and knows nothing else.
"""
