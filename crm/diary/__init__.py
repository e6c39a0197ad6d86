"""The diary: what staff see of each other's time, as an agenda and as a grid."""
