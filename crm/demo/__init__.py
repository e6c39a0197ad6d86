"""The demo agency: invented staff, homes, leads and viewings, loaded in a second and removable without a trace."""
