"""Taking data out: any list as it is seen, everything of one person, everything of the agency.

The one way out. Everything is made row by row while it is sent, so that its size does not matter, and asks
`crm.rights`.
"""
