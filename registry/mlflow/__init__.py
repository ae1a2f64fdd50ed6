"""MLflow behind the portal: how its server is run, the client that speaks to it, and the gateway for stock
clients.
"""
