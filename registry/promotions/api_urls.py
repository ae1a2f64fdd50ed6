"""The API of promotions and protected aliases, below `projects/<slug>/`."""

from django.urls import path

from registry.promotions.api import PromotionViewSet, ProtectedAliasViewSet

_promotion, _protected = PromotionViewSet.as_view, ProtectedAliasViewSet.as_view

urlpatterns = [
    path("promotions", _promotion({"get": "list", "post": "create"}), name="promotions"),
    path("promotions/<uuid:pk>", _promotion({"get": "retrieve"}), name="promotion"),
    path("models/<str:name>/comparison", _promotion({"get": "compare"}), name="model_comparison"),
    path("protected-aliases", _protected({"get": "list", "post": "create"}), name="protected_aliases"),
    path(
        "protected-aliases/<uuid:pk>/removal", _protected({"post": "remove"}), name="protected_alias_removal"
    ),
]
