"""Real servers for the end-to-end tests and for `scripts/up --demo`.

Each service runs on loopback, on a free port, below a folder of its own, and is stopped by its pid.
"""
