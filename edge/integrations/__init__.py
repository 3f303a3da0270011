"""Settings and transports of the companion: dashboard, MQTT, alerts."""
