"""The demo's connected calendars: part of the demo agency keeps its time in the stand-in for Microsoft 365."""
