"""The portal's own settings, with the gallery's pages in place of the product's."""

from pathlib import Path

from portal.settings import *  # noqa: F403
from portal.settings import INSTALLED_APPS, TEMPLATES

# The gallery has no page of these floors; without them it starts faster.
INSTALLED_APPS = [name for name in INSTALLED_APPS if name not in {"clusters", "registry"}]
ROOT_URLCONF = "tests.frontend.gallery"
TEMPLATES = [{**TEMPLATES[0], "DIRS": [Path(__file__).parent / "templates", *TEMPLATES[0]["DIRS"]]}]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
