"""The terms of the field that pages explain in a tooltip.

The English sentences below are the message ids; the Korean ones in locale/ko are the words of the product's
original note, kept as they were written. A page asks for a term with `{% term "confusion matrix" %}`.
"""

from typing import TYPE_CHECKING, NamedTuple

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class Term(NamedTuple):
    """A term as pages show it, and the sentence that explains it."""

    label: "_StrPromise"
    meaning: "_StrPromise"


TERMS: dict[str, Term] = {
    "data lake": Term(
        _("data lake"),
        _("A central store that keeps, processes and protects large amounts of unstructured data."),
    ),
    "data warehouse": Term(
        _("data warehouse"),
        _("A central repository of relational data from transactions, operations and applications."),
    ),
    "data mart": Term(
        _("data mart"),
        _("A simple form of data warehouse focused on a single subject or line of business."),
    ),
    "ml pipeline": Term(
        _("ML pipeline"),
        _(
            "An algorithm put on data makes a model; deploying it hands over settings, and live data coming "
            "in is turned into inferences."
        ),
    ),
    "artifact": Term(
        _("artifact"),
        _("Output produced during an experiment and kept in its folder: models, data files, images."),
    ),
    "inference": Term(
        _("inference"),
        _("After training, using the model on new data to predict, from the patterns it has learned."),
    ),
    "prediction": Term(_("prediction"), _("The output that a model makes for its input data.")),
    "ground truth": Term(_("ground truth"), _("The reference value that a prediction is compared with.")),
    "residual": Term(_("residual"), _("The difference between the predicted and the actual value.")),
    "loss": Term(
        _("loss"),
        _("How far predictions are from actual values, as one function's output; what training minimises."),
    ),
    "accuracy": Term(
        _("accuracy"),
        _("How often predictions are right: 90 of 100 test samples classified correctly is 90% accuracy."),
    ),
    "precision": Term(
        _("precision"),
        _("Of the samples predicted positive, the share that really is. For imbalanced data sets."),
    ),
    "recall": Term(
        _("recall"),
        _("Of the really positive samples, the share predicted as positive. Also: sensitivity."),
    ),
    "f1 score": Term(_("F1 score"), _("The harmonic mean of precision and recall; useful for imbalance.")),
    "confusion matrix": Term(
        _("confusion matrix"),
        _("A matrix that shows how a classification model performs."),
    ),
    "lot tracking": Term(_("lot tracking"), _("Following quality and process data lot by lot.")),
    "wafer map": Term(_("wafer map"), _("A 2D map of how defects are spread over the surface of a wafer.")),
    "mlflow": Term(_("MLflow"), _("A Python app that tracks experiments on models and their versions.")),
    "mlflow tracking": Term(
        _("MLflow Tracking"), _("Records and compares parameters, versions, metrics and so on.")
    ),
    "mlflow projects": Term(_("MLflow Projects"), _("A standard format for runs that can be reproduced.")),
    "mlflow models": Term(
        _("MLflow Models"), _("A standard format for deploying models to many environments.")
    ),
    "mlflow registry": Term(
        _("MLflow Registry"), _("A central model store that manages the whole life cycle of a model.")
    ),
    "model serving": Term(_("model serving"), _("Delivering the values that a model predicts to its users.")),
    "mts": Term(
        _("MTS"),
        _("Multivariate Time Series: shows how several process variables change over time, all at once."),
    ),
    "data versioning": Term(
        _("data versioning"),
        _("Managing versions of data over time, so that one can return to a moment and trace changes."),
    ),
    "drift": Term(_("data drift"), _("What continuous monitoring of data quality looks for.")),
}
