"""Pages of the centre, one module a page, and what all lists share: tabs, pages of rows, places."""
