"""The dashboard: pages about recorders, over HTTP. Only this room imports a web framework."""
