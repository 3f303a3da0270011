"""Settings and transports of what a companion passes on: dashboard, MQTT, alerts."""
