"""`avow demo`: the whole line on this machine, every part of it real."""
