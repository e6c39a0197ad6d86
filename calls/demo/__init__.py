"""The voice side of the demo agency: sixteen assistants and the calls they have taken."""
