"""Playing devices: simulated messages, replayed files, and MQTT.

Not here: what happens to a message once it is published.
"""
