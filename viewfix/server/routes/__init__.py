"""The routes of the service, by what they are about. Each asks, waits and shapes; none decides."""
