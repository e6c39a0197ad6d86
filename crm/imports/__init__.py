"""Moving in: leads and listings out of spreadsheets, some thousand rows at a time, each with its own answer."""
