"""The program's own web server: pushes in, health and metrics out. Knows no person and keeps no session.

Importing any module below needs the extra ``[web]`` (starlette, uvicorn); importing this one does not, and starts nothing.
A group of addresses is a function ``routes(app) -> list[Route]`` in a module of its own, and one word in ``site.py``.
"""
