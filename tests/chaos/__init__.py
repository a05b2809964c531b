"""Random faults on the whole program and on a naive one, counted by the journals of the world outside. See docs/reliability.md."""
