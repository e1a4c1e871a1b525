"""The holder: one address in front of a service's versions, and the HAProxy that leads to the live one.

Nothing here touches an engine: layouts, configurations, the runtime API's texts and their answers are plain values.
"""
