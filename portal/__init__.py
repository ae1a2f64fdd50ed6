"""The top floor: settings, addresses, processes, the embedded engines, errors and the dashboard."""
