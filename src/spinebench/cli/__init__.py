"""The command line: one file per noun. Heavy imports stand inside the commands."""
