"""The console in the browser: pages over the same services as the API's routes."""
