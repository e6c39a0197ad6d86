"""The door for Vapi's server messages: authenticate, decode, handle, commit, answer."""
