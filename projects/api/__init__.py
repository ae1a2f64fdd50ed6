"""The REST API of this floor: who I am, my projects, and in a project its people, tokens, account, record and work."""
