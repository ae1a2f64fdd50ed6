"""Forwarding the audit log to other systems: at least once, in the order of sealing. See docs/audit.md.

`entries` reads sealed leaves and writes them as CloudEvents or syslog; `receivers` hands them over; `targets` knows
where a target stands; `turns` takes one target a step further; `sweep` says whose turn it is.
"""
