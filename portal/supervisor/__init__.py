"""`manage.py up`: the whole portal on one machine as one command.

This process holds the lock, the listening socket and the children; it never loads Django, which keeps it small and
single-threaded (children may be spawned from the main thread only). docs/decisions/supervisor.md says why it is ours.
"""
