"""Finding: homes by what people wish for, and anything at all by a few words."""
