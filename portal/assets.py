"""Static files with their content's hash in the name, so that browsers may keep them for good."""

from typing import Any

from django.contrib.staticfiles.storage import HashedFilesMixin
from whitenoise.storage import CompressedManifestStaticFilesStorage  # type: ignore[import-untyped,unused-ignore]

_imports: Any = HashedFilesMixin._js_module_import_aggregation_patterns  # type: ignore[attr-defined]


class Assets(CompressedManifestStaticFilesStorage):  # type: ignore[misc,unused-ignore]
    """Rewrites the relative imports of our own modules to hashed names when files are collected.

    Not those of other packages' scripts: some import by bare names, which no file answers to.
    """

    support_js_module_import_aggregation = True
    _js_module_import_aggregation_patterns = ("js/*.js", _imports[1])
