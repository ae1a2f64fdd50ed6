"""What OpenAPI says about the transfers: operation objects, completed by `projects.doors.schema`."""

from typing import Any

from projects.doors.schema import problem_responses

Described = dict[str, dict[str, Any]]

_BYTES: dict[str, Any] = {
    "required": True,
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
}
_NUMBER = {
    "in": "path",
    "name": "number",
    "required": True,
    "schema": {"type": "integer", "minimum": 1, "maximum": 999_999_999},
}
_OFFSET = {
    "in": "header",
    "name": "Upload-Offset",
    "required": True,
    "description": "The byte of the file at which this body begins.",
    "schema": {"type": "integer", "minimum": 0},
}


def _header(description: str, kind: str = "integer") -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind}}


def _document(name: str, description: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


_STANDING = {
    **_document("DatasetUpload", "Where the upload stands; `offset` is the next byte that is wanted."),
    "headers": {
        "Upload-Offset": _header("The next byte that is wanted."),
        "Upload-Length": _header("Announced size."),
    },
}
_STORE_PROBLEMS = {
    **problem_responses([503]),
    "507": {**problem_responses([503])["503"], "description": "The blob store's disk would run full."},
}


def _append(operation: str) -> dict[str, Any]:
    return {
        "operationId": f"datasets_uploads_{operation}",
        "summary": "Send bytes of an upload",
        "description": (
            "Appends the body at `Upload-Offset`, which must be where the upload stands: else 409 with the "
            "right `offset`. What arrived before a connection broke stays."
        ),
        "parameters": [_NUMBER, _OFFSET],
        "requestBody": _BYTES,
        "responses": {"200": _STANDING, **_STORE_PROBLEMS},
    }


UPLOAD: Described = {
    "GET": {
        "operationId": "datasets_uploads_retrieve",
        "summary": "Where an upload stands",
        "description": "The true offset, as stored: go on from there. HEAD answers with the headers alone.",
        "parameters": [_NUMBER],
        "responses": {"200": _STANDING, **problem_responses([409, 503])},
    },
    "PUT": _append("append"),
    "PATCH": _append("append_patch"),
    "DELETE": {
        "operationId": "datasets_uploads_destroy",
        "summary": "Drop an upload and what it has sent",
        "parameters": [_NUMBER],
        "responses": {"204": {"description": "Dropped."}},
    },
}

FINISH: Described = {
    "POST": {
        "operationId": "datasets_uploads_finish",
        "summary": "Make a file of an upload",
        "description": (
            "The bytes have all arrived: 409 where an announced size is not reached. A SHA-256, here or when "
            "the upload began, is compared; a file that differs is dropped with 422."
        ),
        "parameters": [_NUMBER],
        "requestBody": {
            "required": False,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": {"sha256": {"type": "string", "pattern": "^[0-9a-fA-F]{64}$"}},
                        "additionalProperties": False,
                    }
                }
            },
        },
        "responses": {"201": _document("DatasetFile", "The file."), **_STORE_PROBLEMS},
    }
}

SINGLE: Described = {
    "PUT": {
        "operationId": "datasets_upload_single",
        "summary": "Make and seal a version of one file",
        "description": (
            "`curl -T wafers.csv …/upload?path=wafers.csv`. The version is there whole and sealed, or not at "
            "all. 200 with `identical` where the newest sealed version has this very content."
        ),
        "parameters": [
            {
                "in": "query",
                "name": "path",
                "required": True,
                "description": "What the file is called in the version, folders included.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 1024},
            },
            {"in": "query", "name": "note", "schema": {"type": "string", "maxLength": 500}},
            {
                "in": "query",
                "name": "sha256",
                "description": "What the body hashes to; a body that differs is dropped with 422.",
                "schema": {"type": "string", "pattern": "^[0-9a-fA-F]{64}$"},
            },
        ],
        "requestBody": _BYTES,
        "responses": {
            "200": _document("SealedVersion", "Nothing new: the version that has this content."),
            "201": _document("SealedVersion", "The new version."),
            **_STORE_PROBLEMS,
        },
    }
}

_CONTENT = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
_TAG = {"ETag": _header("The SHA-256 of the file, quoted.", "string")}
DOWNLOAD: Described = {
    "GET": {
        "operationId": "datasets_files_download",
        "summary": "Read a file",
        "description": (
            "The file's bytes, whole or by `Range`, with its SHA-256 as `ETag`. Each read is on record "
            "before its first byte leaves. Readable as it is by "
            '`pandas.read_csv(url, storage_options={"Authorization": …})`.'
        ),
        "parameters": [
            _NUMBER,
            {"in": "header", "name": "Range", "schema": {"type": "string"}},
            {"in": "header", "name": "If-Range", "schema": {"type": "string"}},
            {"in": "header", "name": "If-None-Match", "schema": {"type": "string"}},
            {
                "in": "header",
                "name": "X-Access-Reason",
                "description": "Why: asked for from confidential up, kept on record. Percent-encode what is not ASCII.",
                "schema": {"type": "string"},
            },
            {
                "in": "query",
                "name": "reason",
                "description": "The same, for clients that send no headers of their own.",
                "schema": {"type": "string", "maxLength": 500},
            },
        ],
        "responses": {
            "200": {"description": "The whole file.", "content": _CONTENT, "headers": _TAG},
            "206": {
                "description": "The range.",
                "content": _CONTENT,
                "headers": {**_TAG, "Content-Range": _header("Which bytes of how many.", "string")},
            },
            "304": {"description": "The caller has this content already."},
            **problem_responses([416, 503]),
        },
    }
}
