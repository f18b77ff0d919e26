"""Where events come from: engines (registration, lifecycle) and hot paths (what runs per event)."""
