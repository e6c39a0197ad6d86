"""Practice calls: somebody, or a script, plays the caller; everything goes through the real webhook and tools."""
