"""The way in: the HTTP routes and the command line."""
