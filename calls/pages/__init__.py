"""Pages of the voice side beside the dashboard."""
