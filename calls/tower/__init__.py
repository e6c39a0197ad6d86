"""The control tower: staff say, whisper, mute, put through and end in a live call, one person at a time."""
