"""Promotions: protected aliases move when a second person has looked at the evidence and said yes.

    ask (evidence frozen) ─▶ approval request ─▶ approved ─▶ operation ─▶ alias moved in MLflow
                                    └─▶ rejected, withdrawn, expired: nothing moves

Everything else that would move such an alias is refused by `registry.mlflow.protection`.
"""
