"""Simulated devices, replayed files, and publishing over MQTT.

Not here: what happens to a message once it is published.
"""
