"""The platform's REST API: what the pages under /platform/ and the audit room show."""
