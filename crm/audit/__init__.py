"""Who changed what: triggers write it down, whatever the way of a change; a chain of hashes shows tampering.

`actors` says who is at work, `tracking` which tables are watched, `chain` seals and verifies, `erasing` forgets values.
"""
