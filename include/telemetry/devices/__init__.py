"""Devices as this project plays them: simulated messages, replayed files, and MQTT.

Not here: what is made of a message once it is published.
"""
