"""The routes of the service, by subject. Each reads a request, waits for the work and shapes the answer."""
